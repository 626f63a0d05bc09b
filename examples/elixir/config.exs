# What `snakepit-bridge elixir` prints, with paths of an installation in /opt/venv.
import Config

# Way A: replace the interpreter that Snakepit starts.
# config :snakepit, python_executable: "/opt/venv/bin/snakepit-bridge-python"

# Way B: an adapter module, snakepit_bridge_adapter.ex.
config :snakepit, :snakepit_bridge,
  python: "/opt/venv/bin/python",
  worker: "/opt/venv/lib/python3.12/site-packages/snakepit_bridge/worker/grpc_server.py"

# Both are needed: the one of the pool, and the global one.
config :snakepit,
  adapter_module: SnakepitBridge.Adapter,
  pools: [
    %{
      name: :default,
      pool_size: 2,
      worker_profile: :process,
      adapter_module: SnakepitBridge.Adapter,
      adapter_args: ["--adapter", "my_app.adapters.MyAdapter"]
    }
  ]
