"""Python code for the API, made from the protos each time, so that no generated file is kept."""

import importlib
import pathlib
import sys
import tempfile

from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[2]


def generate():
    """Makes the code and puts it on the path."""
    out = tempfile.mkdtemp(prefix="vajra-")
    # google/rpc/status.proto is part of googleapis-common-protos, and is not made twice.
    protos = sorted(str(path) for path in (ROOT / "proto" / "vajra").rglob("*.proto"))
    bundled = pathlib.Path(sys.modules["grpc_tools"].__file__).parent / "_proto"
    status = protoc.main(
        ["protoc", f"-I{ROOT / 'proto'}", f"-I{bundled}", f"--python_out={out}",
         f"--grpc_python_out={out}", *protos]
    )
    if status != 0:
        sys.exit("the protos do not compile")
    sys.path.insert(0, out)


generate()
advice, decision, lists, lists_grpc, outcome, payment, risk, risk_grpc = (
    importlib.import_module(f"vajra.v1.{name}")
    for name in ["advice_pb2", "decision_pb2", "list_service_pb2", "list_service_pb2_grpc",
                 "outcome_pb2", "payment_pb2", "risk_service_pb2", "risk_service_pb2_grpc"]
)
