"""The `daytrade` command. Each command imports the packages behind it only when it is run."""
