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
