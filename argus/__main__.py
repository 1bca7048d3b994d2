"""`python -m argus` is `argus`."""

from argus.cli import main

if __name__ == "__main__":
    main()
