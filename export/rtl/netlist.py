"""Wires, assignments and instances of a circuit while it is put together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hwrts.export.rtl.design import Parameters

SIZE_BITS = 16
"""Of the sizes of a frame: as large as any picture."""


@dataclass(frozen=True)
class Wire:
    """A wire of some bits."""

    name: str
    bits: int = 1


@dataclass(frozen=True)
class Instance:
    """A module of the library at its place; ports hold what they are connected to."""

    kind: str
    name: str
    parameters: Parameters
    ports: Mapping[str, str]


@dataclass
class Netlist:
    """A circuit in the making."""

    wires: list[Wire] = field(default_factory=list)
    assigns: list[tuple[str, str]] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)

    def stream(self, name: str, bits: int) -> str:
        """Declare the three signals of a stream; returns its name."""
        self.wires += [Wire(f"{name}_valid"), Wire(f"{name}_ready"), Wire(f"{name}_data", bits)]
        return name

    def wire(self, name: str, bits: int = 1) -> str:
        """Declare a wire; returns its name."""
        self.wires.append(Wire(name, bits))
        return name

    def size(self, what: str, times: int, parts: int, lack: int) -> str:
        """The wire of ``what * times / parts - lack``, such as of the width of a smaller frame."""
        if (times, parts, lack) == (1, 1, 0):
            return what
        name = f"{what}_{times}_{parts}_{'less' if lack >= 0 else 'more'}_{abs(lack)}"
        if Wire(name, SIZE_BITS) not in self.wires:
            self.wire(name, SIZE_BITS)
            self.assign(name, f"{what} * {times} / {parts} {'-' if lack >= 0 else '+'} {abs(lack)}")
        return name

    def assign(self, left: str, right: str) -> None:
        """Connect a wire with an expression."""
        self.assigns.append((left, right))

    def instance(self, kind: str, name: str, parameters: Parameters, ports: Mapping[str, str]) -> None:
        """Put a module of the library in its place."""
        self.instances.append(Instance(kind, name, parameters, ports))

    def join(self, source: str, reader: str) -> None:
        """One stream is the other."""
        self.assign(f"{reader}_valid", f"{source}_valid")
        self.assign(f"{reader}_data", f"{source}_data")
        self.assign(f"{source}_ready", f"{reader}_ready")

    def queue(self, source: str, reader: str, bits: int, depth: int) -> None:
        """A queue between two streams."""
        ports = {"clk": "clk", "reset": "reset"} | ports_of("s", source) | ports_of("m", reader)
        self.instance("hwrts_fifo", f"{reader}_queue", {"WIDTH": bits, "DEPTH": depth}, ports)

    def fork(self, source: str, readers: Sequence[str], bits: int) -> list[str]:
        """A stream for each reader; the stream itself if there is one."""
        if len(readers) == 1:
            return [source]
        made = [self.stream(f"{reader}_branch", bits) for reader in readers]
        ports = {"s_valid": f"{source}_valid", "s_ready": f"{source}_ready"}
        for port in ("valid", "ready"):  # the first one has the lowest bit
            ports[f"m_{port}"] = "{" + ", ".join(f"{each}_{port}" for each in reversed(made)) + "}"
        self.instance("hwrts_fork", f"{source}_fork", {"READERS": len(made)}, ports)
        for each in made:
            self.assign(f"{each}_data", f"{source}_data")
        return made


def ports_of(port: str, stream: str) -> dict[str, str]:
    """The three ports of a module that a stream is connected to."""
    return {f"{port}_{part}": f"{stream}_{part}" for part in ("valid", "ready", "data")}
