"""What ``snakepit-bridge elixir`` prints, with places for the paths of an installation."""

from __future__ import annotations

WAY_A = """\
# config/config.exs; nothing else changes.
config :snakepit, python_executable: {launcher}

# Or, for a try, in the shell that starts the application:
#   export SNAKEPIT_PYTHON={launcher_path}
"""

WAY_B = """\
# config/config.exs
config :snakepit, :snakepit_bridge,
  python: {python},
  worker: {worker}

# Both are needed: the one of the pool, and the global one.
config :snakepit,
  adapter_module: SnakepitBridge.Adapter,
  pools: [
    %{{
      name: :default,
      pool_size: 2,
      worker_profile: :process,
      adapter_module: SnakepitBridge.Adapter,
      adapter_args: ["--adapter", "my_app.adapters.MyAdapter"]
    }}
  ]
"""

MODULE = '''\
defmodule SnakepitBridge.Adapter do
  @moduledoc """
  Snakepit's own gRPC adapter, with the worker of `snakepit-bridge` instead of the bundled one.

  `snakepit-bridge elixir` prints the configuration for an installation.
  """

  alias Snakepit.Adapters.GRPCPython

  @own [executable_path: 0, script_path: 0, script_args: 0]

  def executable_path, do: Keyword.fetch!(configured(), :python)
  def script_path, do: Keyword.fetch!(configured(), :worker)

  # Snakepit looks for the path of its own script when it cleans up after a crash.
  def script_args, do: GRPCPython.script_args() ++ ["--snakepit-script", GRPCPython.script_path()]

  for {name, arity} <- GRPCPython.__info__(:functions), {name, arity} not in @own do
    arguments = Macro.generate_arguments(arity, __MODULE__)
    defdelegate unquote(name)(unquote_splicing(arguments)), to: GRPCPython
  end

  defp configured, do: Application.fetch_env!(:snakepit, :snakepit_bridge)
end
'''
"""``lib/snakepit_bridge_adapter.ex`` of an application."""
