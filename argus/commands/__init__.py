"""The commands of the console script, a module each: options in, one call of what does the work."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from argus.settings import InForce, Settings

FILE_IN: Final = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


class OutPath(click.Path):
    """A file that will be written, in a directory that is there."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.parent.is_dir():
            self.fail(f"there is no directory {path.parent}", param, ctx)
        return path


FILE_OUT: Final = OutPath()


def files_apart(outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None] | None = None) -> None:
    """Raises `click.UsageError` where an output, by its option, is an input or another output as well: opening it
    would empty what is to be read. Devices may be named twice (/dev/null)."""
    seen = {path.resolve(): option for option, path in (inputs or {}).items() if path is not None}
    for option, path in outputs.items():
        if path is None or (path.exists() and not path.is_file()):
            continue
        if (other := seen.setdefault(path.resolve(), option)) != option:
            raise click.UsageError(f"{option} and {other} are the same file, {path}")


class Shell:
    """What every command is started with: where the settings come from."""

    def __init__(self, config: Path | None = None, environ: Mapping[str, str] | None = None) -> None:
        self.config = config
        self.environ = os.environ if environ is None else environ

    def settings(self, profile: Mapping[str, Any] | None = None, **overrides: Any) -> "Settings":
        """The settings in force, and the log set up by them. overrides: by the names of settings; None says nothing.
        Raises `SettingsError`."""
        from argus.settings import in_force

        return self._set_up(in_force(self.environ, self.config, overrides, profile))

    def joining(self, profile: Mapping[str, Any] | None = None, **overrides: Any) -> "Settings":
        """As `settings`, for a process that joins others: where nobody says how many partitions there are, as many as
        the events topic has."""
        from msgspec.structs import replace

        from argus.declared import partitions_found
        from argus.setting_values import convert
        from argus.settings import in_force

        rows = in_force(self.environ, self.config, overrides, profile)
        settings = self._set_up(rows)
        row = next(row for row in rows if row.setting.name == "partitions")
        found = partitions_found(settings) if row.origin == "default" else None
        return replace(settings, partitions=convert(row.setting, found, "partitions")) if found else settings

    def _set_up(self, rows: "list[InForce]") -> "Settings":
        from argus import log
        from argus.settings import settings_of

        settings = settings_of(rows)
        log.configure(settings.log_level, settings.log_format)
        return settings
