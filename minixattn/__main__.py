"""`python -m minixattn` is the command `minixattn`."""

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())
