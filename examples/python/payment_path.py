"""A payment path in small: payments that go well, fail, time out and are found again.

Usage: payment_path.py [HOST:PORT], against

    vajra serve --policies examples/payment_path/policies

It takes about a minute: a request that was lost is asked for on the schedule of the advice.
`PaymentPath` is the part to copy; `Provider` is made up, and keeps a ledger of what it really did.
"""

import concurrent.futures
import datetime
import sys
import threading
import time
import uuid

import grpc

from generated import advice as advice_pb2
from generated import decision, outcome, risk, risk_grpc
from generated import payment as payment_pb2

UTC = datetime.timezone.utc


class PaymentPath:
    """Takes one payment to its end: asks, authorises, reports, and does what the answers say.

    Nothing is sent that was not allowed, nothing while a result is not known, and every request under a
    key of its own: the payment and the number of the attempt.
    """

    def __init__(self, stub, provider, customer, patience=90.0):
        self.stub, self.provider, self.customer, self.patience = stub, provider, customer, patience

    def pay(self, payment):
        """Returns ("paid", attempt), ("not paid", message) or ("later", instant)."""
        payment.attempt = 1
        while True:
            answer = self.stub.Score(risk.ScoreRequest(payment=payment), timeout=2)
            if answer.next_step == decision.NEXT_STEP_PROCEED:
                payment.channel = route(payment.channel, answer.channels)
                if end := self.attempt(payment):
                    return end
            elif answer.next_step == decision.NEXT_STEP_STEP_UP:
                method = self.customer.prove(list(answer.challenge))
                if method is None:
                    return "not paid", answer.customer_message
                payment.authenticated.append(method)
            elif answer.next_step == decision.NEXT_STEP_RETRY_LATER and answer.HasField("not_before"):
                return "later", answer.not_before.ToDatetime(tzinfo=UTC)
            else:
                return "not paid", answer.customer_message
            payment.attempt += 1

    def attempt(self, payment):
        """Sends one attempt and follows the advice; None when another may be made."""
        key, closing, number = (payment.id, payment.attempt), False, 0
        # Store the key durably here: whatever happens from now on, ask for it before anything else.
        reply = self.provider.authorise(key, payment)
        while True:
            number += 1
            told = self.report(payment, number, reply)
            step, needs = told.advice.next_step, list(told.advice.needs)
            if step == decision.NEXT_STEP_QUERY:
                # Closing is tried once; what cannot be closed is asked for when the file is there.
                if needs[0] == advice_pb2.NEED_REVERSAL and not closing:
                    closing, reply = True, self.provider.close(key)
                    continue
                if not told.advice.queries:
                    return "not paid", "A person looks into it."
                at = told.advice.queries[0].ToDatetime(tzinfo=UTC)
                if not self.wait(at):
                    return "later", at
                reply = self.provider.query(key)
                continue
            break
        if step == decision.NEXT_STEP_PROCEED:
            return "paid", payment.attempt
        if step == decision.NEXT_STEP_SWITCH_CHANNEL and told.advice.channels:
            payment.channel = told.advice.channels[0].id
        elif step == decision.NEXT_STEP_STEP_UP and (method := self.customer.prove(["3ds"])):
            payment.authenticated.append(method)
        elif step == decision.NEXT_STEP_ASK_CUSTOMER and told.advice.attempts_left:
            card = self.customer.ask(needs, told.customer_message)
            if card is None:
                return "not paid", told.customer_message
            payment.card.CopyFrom(card)
        elif step != decision.NEXT_STEP_RETRY_LATER:
            return "not paid", told.customer_message
        if told.advice.HasField("not_before"):
            at = told.advice.not_before.ToDatetime(tzinfo=UTC)
            if not self.wait(at):
                return "later", at
        return None

    def report(self, payment, number, reply):
        """Reports under an id of its own until it is heard: told twice, it is counted once."""
        status, stage, provider, code = reply
        request = risk.ReportOutcomeRequest(
            payment_id=payment.id, attempt=payment.attempt,
            outcome_id=f"{payment.attempt}-{number}", status=status, stage=stage,
            provider=provider, code=code, channel=payment.channel,
        )
        for tries in range(5):
            try:
                return self.stub.ReportOutcome(request, timeout=2)
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    raise
                time.sleep(0.1 * 2**tries)
        return self.stub.ReportOutcome(request, timeout=2)

    def wait(self, at):
        """Waits until then; False, at once, when the payer does not wait so long."""
        left = (at - datetime.datetime.now(UTC)).total_seconds()
        if left > self.patience:
            return False
        time.sleep(max(left, 0))
        return True


def route(meant, ranked):
    """The channel that was meant, unless most of its results of late were failures; then the best one."""
    failing = {it.id for it in ranked if it.attempts >= 20 and it.succeeded * 2 < it.attempts}
    return ranked[0].id if meant in failing else meant


class Willing:
    """A payer who does what they are asked for."""

    def __init__(self):
        self.cards = 0

    def prove(self, methods):
        return methods[0] if methods else None

    def ask(self, needs, message):
        self.cards += 1
        return card("other", self.cards)


def reply(status, provider="", code="", stage=outcome.FAILURE_STAGE_UNSPECIFIED):
    return status, stage, provider, code


PAID = reply(outcome.OUTCOME_STATUS_AUTHORIZED)
SILENCE = reply(outcome.OUTCOME_STATUS_TIMED_OUT)
CLOSED = reply(outcome.OUTCOME_STATUS_CANCELED)
REFUSED = reply(outcome.OUTCOME_STATUS_FAILED, stage=outcome.FAILURE_STAGE_NOT_SENT)
NOT_FOUND = reply(outcome.OUTCOME_STATUS_TIMED_OUT, "http", "404")


def declined(code, provider=""):
    return reply(outcome.OUTCOME_STATUS_DECLINED, provider, code)


class Provider:
    """A made-up provider. What it answers and what it did are two things."""

    def __init__(self):
        self.ledger, self.lock = {}, threading.Lock()

    def authorise(self, key, payment):
        time.sleep(0.15)
        with self.lock:
            if key in self.ledger:
                return self.ledger[key]
            done, seen = self.fate(payment, key[1])
            if done:
                self.ledger[key] = done
            return seen or done

    def fate(self, payment, attempt):
        """What is done, and what is seen when that is something else."""
        name = payment.id.rsplit("/", 1)[1]
        if name == "funds" and attempt == 1:
            return declined("51"), None
        if name == "stolen":
            return declined("43"), None
        if name == "expired":
            return declined("54"), None
        if name == "prove-it" and "3ds" not in payment.authenticated:
            return declined("1A"), None
        if name == "refused" and attempt == 1:
            return None, REFUSED
        if name == "outage" and payment.channel == "north":
            return None, declined("3000", "braintree")
        if name == "answer-lost" and attempt == 1:
            return PAID, SILENCE
        if name == "request-lost" and attempt == 1:
            return None, SILENCE
        return PAID, None

    def query(self, key):
        """That a key is not found proves nothing: it may be on its way."""
        with self.lock:
            return self.ledger.get(key, NOT_FOUND)

    def close(self, key):
        """What was charged is given back, and nothing is charged from now on."""
        with self.lock:
            self.ledger[key] = CLOSED
            return CLOSED

    def charges(self, payment_id):
        with self.lock:
            return sum(key[0] == payment_id and done == PAID for key, done in self.ledger.items())


PAYMENTS = {
    "plain": "nothing goes wrong",
    "funds": "the card has no money; the payer takes another",
    "expired": "the card has expired, and so has the other",
    "stolen": "the bank says never",
    "prove-it": "the bank wants the payer to prove who they are",
    "refused": "the connection is refused once",
    "outage": "the channel is down",
    "answer-lost": "charged, but the answer is lost",
    "request-lost": "the request is lost; the channel knows nothing of it",
}
RUN = uuid.uuid4().hex[:8]


def card(of, number):
    return payment_pb2.Card(token=f"tok-{RUN}-{of}-{number}", brand="visa", country="NL")


def play(stub, provider, name):
    payment = payment_pb2.Payment(
        id=f"{RUN}/{name}", amount=25_00, currency="EUR", method="card", channel="north",
        card=card(name, 0),
    )
    return name, payment.id, PaymentPath(stub, provider, Willing()).pay(payment)


def main(target):
    provider, began, twice = Provider(), time.monotonic(), 0
    with grpc.insecure_channel(target) as channel:
        stub = risk_grpc.RiskServiceStub(channel)
        print(f"{len(PAYMENTS)} payments at once …\n")
        with concurrent.futures.ThreadPoolExecutor(len(PAYMENTS)) as pool:
            all_of_them = [pool.submit(play, stub, provider, name) for name in PAYMENTS]
            for done in concurrent.futures.as_completed(all_of_them):
                name, payment_id, (end, more) = done.result()
                charges = provider.charges(payment_id)
                twice += charges > 1
                print(f"{time.monotonic() - began:6.1f} s  {name:13} {PAYMENTS[name]}")
                print(f"          charged {charges} ×, {end}: {more}")
    print(f"\nCharged twice: {twice}.")
    sys.exit(1 if twice else 0)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051")
