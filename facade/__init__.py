"""What joins frontends, compiler and backends, a job in each module; `api.py` and `cli.py` lead to them."""
