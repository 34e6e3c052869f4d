"""Clients that take exported files: one way to run a file in any of them, and one comparison."""

from hwrts.export.clients.check import Definitions, check_file, compared, under
from hwrts.export.clients.client import CLIENTS, ONNXRUNTIME, Client, client_of, clients_of
from hwrts.export.clients.file import ClientFile, End
from hwrts.export.clients.run import run_file

__all__ = [
    "CLIENTS",
    "ONNXRUNTIME",
    "Client",
    "ClientFile",
    "Definitions",
    "End",
    "check_file",
    "client_of",
    "clients_of",
    "compared",
    "run_file",
    "under",
]
