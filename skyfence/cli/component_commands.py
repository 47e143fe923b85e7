"""The commands of components, made from their descriptions: ``skyfence source`` and ``sink``.

Each field of a component's options becomes an option of its command, save secrets, whose variable
the help names. A component whose module cannot be imported is named in the list with the reason,
and keeps no other from running.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from skyfence.components import registry
from skyfence.components.component import ComponentOptions, Kind
from skyfence.components.options import is_secret, load_options, option_name
from skyfence.components.registry import AnyComponent
from skyfence.errors import UsageError

Run = Callable[[AnyComponent, ComponentOptions], None]
LIST = "list"


@contextmanager
def missing_libraries(component: AnyComponent) -> Iterator[None]:
    """Say which extra brings a library that a component lacks."""
    try:
        yield
    except ModuleNotFoundError as error:
        if not component.extra:
            raise
        raise UsageError(
            f"{error.name} is missing: pip install 'skyfence[{component.extra}]'"
        ) from None


class ComponentGroup(click.Group):
    """A group with a command for each installed component of a kind."""

    def __init__(self, *, kind: Kind, run: Run, **rest: Any) -> None:
        super().__init__(invoke_without_command=True, **rest)
        self._kind = kind
        self._run = run

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the components."""
        del ctx
        return [LIST, *registry.names(self._kind)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Return a component's command; raise ``UsageError`` where there is none that works."""
        if cmd_name == LIST:
            return click.Command(
                LIST,
                callback=lambda: print_list(self._kind),
                help=f"List the {self._kind}s that are installed, with what they promise.",
            )
        if cmd_name not in registry.names(self._kind):
            registry.load(self._kind, cmd_name)  # raises: it says which names there are
        try:
            return component_command(registry.load(self._kind, cmd_name), self._run)
        except UsageError as error:
            return _broken_command(cmd_name, error)


def _broken_command(name: str, error: UsageError) -> click.Command:
    """Return a command that says what is wrong when it is run, so that the help of others works."""

    def fail() -> None:
        raise error

    lenient = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(name, callback=fail, short_help="cannot be used", context_settings=lenient)


def component_command(component: AnyComponent, run: Run) -> click.Command:
    """Return the command that runs a component with options from all that may give them."""
    prefixes = _other_prefixes(component)

    def callback(config: Path | None, **given: Any) -> None:
        command = {name: value for name, value in given.items() if value not in (None, ())}
        run(component, load_options(component, command, config, others=prefixes))

    return click.Command(
        component.name,
        callback=callback,
        params=[*_options(component), _config_option()],
        help=_help(component),
        short_help=component.summary,
    )


def _other_prefixes(component: AnyComponent) -> Sequence[str]:
    names = registry.names(component.kind)
    return [
        f"SKYFENCE_{component.kind}_{name}_".upper().replace("-", "_")
        for name in names
        if name != component.name
    ]


def _help(component: AnyComponent) -> str:
    """Return a command's help: what it is, what it promises, and where its secrets come from."""
    fields = component.options.model_fields
    secrets = [
        component.variable_prefix + name.upper() for name in fields if is_secret(fields[name])
    ]
    parts = [
        f"{component.summary[:1].upper()}{component.summary[1:]} ({component.docs}).",
        f"Guarantee: {component.guarantee}.",
        f"Each option may also be given as a variable, {component.variable_prefix}…, "
        "or in the file of --config; the option wins, then the variable.",
    ]
    if secrets:
        parts.append(f"Secrets come from these variables or the file only: {', '.join(secrets)}.")
    return "\n\n".join(parts)


def _config_option() -> click.Option:
    return click.Option(
        ["--config"], type=click.Path(path_type=Path), help="A TOML file with the options."
    )


def _options(component: AnyComponent) -> Iterator[click.Option]:
    for name, field in component.options.model_fields.items():
        if not is_secret(field):
            yield _option(name, field)


def _option(name: str, field: FieldInfo) -> click.Option:
    """Return the option of a field; its value is checked by the model, in the model's words."""
    declared, many = option_name(name), _takes_many(field)
    text = f"{field.description}  {_default_words(field)}"
    if field.annotation is bool:
        off = option_name(f"no_{name}")
        return click.Option([f"{declared}/{off}", name], default=None, help=text)
    return click.Option([declared, name], metavar=_metavar(field), multiple=many, help=text)


def _takes_many(field: FieldInfo) -> bool:
    return get_origin(field.annotation) in (tuple, dict)


def _metavar(field: FieldInfo) -> str:
    kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if kind is not None]
    for kind in kinds:
        if get_origin(kind) is Literal:
            return "|".join(map(str, get_args(kind)))
        if get_origin(kind) is dict:
            return "NAME=VALUE"
    names = {int: "INTEGER", float: "NUMBER", Path: "PATH"}
    return next((names[kind] for kind in kinds if kind in names), "TEXT")


def _default_words(field: FieldInfo) -> str:
    if field.is_required():
        return "[required]"
    default = field.get_default(call_default_factory=True)
    if default is None or not (default or isinstance(default, int | float)):
        return "[default: none]"
    return f"[default: {default}]"


def print_list(kind: Kind) -> None:
    """Print each component with its summary and its guarantee."""
    for name in registry.names(kind):
        try:
            component = registry.load(kind, name)
        except UsageError as error:
            click.echo(f"{name}\n    cannot be used: {error}")
            continue
        click.echo(f"{name}\n    {component.summary}\n    guarantee: {component.guarantee}")
