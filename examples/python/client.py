"""A client of Vajra, made from its protos: scores, reports, and shows what comes back.

Usage: client.py [HOST:PORT]
"""

import sys
import uuid

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from generated import decision as decision_pb2
from generated import outcome as outcome_pb2
from generated import payment as payment_pb2
from generated import risk, risk_grpc


def payment(payment_id, **fields):
    """An everyday payment."""
    return payment_pb2.Payment(
        id=payment_id,
        attempt=1,
        amount=25_00,
        currency="EUR",
        method="card",
        card=payment_pb2.Card(token=f"card-of-{payment_id}", brand="visa", country="DE"),
        account=payment_pb2.Account(id=f"account-of-{payment_id}", email="someone@example.com"),
        device=payment_pb2.Device(id=f"device-of-{payment_id}", ip_country="DE"),
        attributes={"plan": payment_pb2.AttributeValue(string_value="basic")},
        **fields,
    )


def verdict(response):
    """The verdict in words, with its reasons."""
    name = decision_pb2.Verdict.Name(response.verdict).removeprefix("VERDICT_")
    return " ".join([name, *(reason.code for reason in response.reasons)])


def main(target):
    run = uuid.uuid4().hex[:8]
    with grpc.insecure_channel(target) as channel:
        client = risk_grpc.RiskServiceStub(channel)

        first = payment(f"{run}-1")
        scored = client.Score(risk.ScoreRequest(payment=first, trace=True), timeout=5)
        print("scored:", verdict(scored), "by policies", scored.policy_version[:12])
        assert scored.payment_id == first.id and scored.decision_id
        again = client.Score(risk.ScoreRequest(payment=first, trace=True), timeout=5)
        assert again.decision_id == scored.decision_id, "asked again, the stored answer comes back"

        outcome = risk.ReportOutcomeRequest(
            payment_id=first.id, attempt=1, status=outcome_pb2.OUTCOME_STATUS_DECLINED,
            code="51", outcome_id=f"{run}-o1", latency_ms=312,
        )
        receipt = client.ReportOutcome(outcome, timeout=5)
        print("outcome stored as number", receipt.sequence)
        assert client.ReportOutcome(outcome, timeout=5).repeated

        login = risk.RecordEventRequest(
            name="login", event_id=f"{run}-e1",
            payment=payment_pb2.Payment(account=payment_pb2.Account(id=first.account.id)),
        )
        print("event recorded as number", client.RecordEvent(login, timeout=5).sequence)

        history = client.GetPayment(risk.GetPaymentRequest(payment_id=first.id), timeout=5)
        steps = [entry.WhichOneof("entry") for entry in history.timeline]
        print("history:", ", then ".join(steps))
        assert steps == ["scored", "outcome"]

        broken = payment(f"{run}-bad")
        broken.currency, broken.attempt = "EUX", 0
        messages = [
            risk.ScoreStreamRequest(correlation_id="good",
                                    request=risk.ScoreRequest(payment=payment(f"{run}-2"))),
            risk.ScoreStreamRequest(correlation_id="bad",
                                    request=risk.ScoreRequest(payment=broken)),
            risk.ScoreStreamRequest(correlation_id="good again",
                                    request=risk.ScoreRequest(payment=payment(f"{run}-3"))),
        ]
        kinds = []
        for answer in client.ScoreStream(iter(messages), timeout=5):
            kind = answer.WhichOneof("answer")
            kinds.append((answer.correlation_id, kind))
            said = verdict(answer.response) if kind == "response" else answer.status.message
            print(f"stream, {answer.correlation_id}: {said}")
        assert kinds == [("good", "response"), ("bad", "status"), ("good again", "response")]

        try:
            client.Score(risk.ScoreRequest(payment=broken), timeout=5)
            sys.exit("a broken payment was accepted")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
            fields, reason = [], None
            for detail in rpc_status.from_call(error).details:
                bad, info = error_details_pb2.BadRequest(), error_details_pb2.ErrorInfo()
                if detail.Unpack(bad):
                    fields = [violation.field for violation in bad.field_violations]
                elif detail.Unpack(info):
                    reason = f"{info.domain}/{info.reason}"
            print("refused:", reason, "because of", ", ".join(fields))
            assert fields == ["payment.attempt", "payment.currency"], fields
    print("all as promised")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051")
