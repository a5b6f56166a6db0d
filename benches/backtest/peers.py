"""The same features and rules over the same file: in Vajra, in DuckDB and in Polars, one after another.

    python3 -m venv venv && venv/bin/pip install duckdb polars pyarrow numpy
    cargo build --release
    venv/bin/python benches/backtest/peers.py --data transactions.parquet --times 8

Twelve features (count and average over 1, 7 and 30 days by card; count and labelled frauds over the same
windows by merchant, 7 days late) and three rules, whose hits are counted by label. Each side reads the
Parquet file and ends with these counts. First all features of every row are compared: those of Vajra with
a recomputation of its own in whole numbers, and those of the others with it. Then each side runs in turn,
so that what else the machine does falls on all of them alike.

The data is a file of the Sparkov generator, in order of time. `--times` appends it to itself, each time
later and with new ids, so that what is done once per run weighs little.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

THREADS = 2
os.environ["POLARS_MAX_THREADS"] = str(THREADS)

import duckdb  # noqa: E402
import numpy as np  # noqa: E402
import polars as pl  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.compute as pc  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

HERE = Path(__file__).parent
DAY = 86_400_000_000  # microseconds
WINDOWS = {"1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
LATE = 7 * DAY
FEATURES = [
    f"{entity}.{name}_{window}"
    for entity, name in [("card", "count"), ("card", "avg"), ("merchant", "count"), ("merchant", "frauds")]
    for window in WINDOWS
]
RULES = ["burst", "unusual amount", "risky merchant"]


def repeated(data: Path, times: int, out: Path) -> int:
    """Writes the columns of the features, `times` times after each other. Gives the number of rows."""
    columns = ["tx_id", "ts", "card_id", "merchant_id", "amount", "is_fraud"]
    table = pq.read_table(data, columns=columns)
    ts = table["ts"].cast(pa.int64())
    length = pc.max(ts).as_py() - pc.min(ts).as_py() + 1_000
    ids = table["tx_id"]
    with pq.ParquetWriter(out, table.schema, compression="zstd") as writer:
        for number in range(times):
            part = table.set_column(1, "ts", pc.add(ts, number * length).cast(table.schema.field("ts").type))
            new = pc.add(ids, number * (pc.max(ids).as_py() + 1))
            writer.write_table(part.set_column(0, "tx_id", new))
    return table.num_rows * times


# Vajra ------------------------------------------------------------------------------------------------


def vajra(program: Path, data: Path, features: Path | None = None) -> list[tuple[int, int]]:
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.json"
        command = [program, "backtest", "--events", data, "--dataset", HERE / "MAP.toml"]
        command += ["--policies", HERE / "policies", "--report", report]
        if features:
            command += ["--features", features]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        rules = json.loads(report.read_text())["rules"]
    found = {rule["name"]: (rule["hits"], rule["true_positive"]) for rule in rules}
    return [found[rule] for rule in RULES]


# DuckDB -----------------------------------------------------------------------------------------------


def duckdb_features(data: Path) -> str:
    """Each window ends with the row itself, which is taken off again; one microsecond less than its length
    lies before it, for what is exactly as old is out."""
    columns, windows = [], []
    for window, length in WINDOWS.items():
        windows.append(
            f"c{window} AS (PARTITION BY card_id ORDER BY instant RANGE BETWEEN {length - 1} PRECEDING AND CURRENT ROW)"
        )
        windows.append(
            f"m{window} AS (PARTITION BY merchant_id ORDER BY instant RANGE BETWEEN {length + LATE - 1} PRECEDING "
            f"AND {LATE} PRECEDING)"
        )
        columns += [
            f'count(*) OVER c{window} - 1 AS "card.count_{window}"',
            f"(sum(cents) OVER c{window} - cents)::DOUBLE / nullif(count(*) OVER c{window} - 1, 0) "
            f'AS "card.avg_{window}"',
            f'count(*) OVER m{window} AS "merchant.count_{window}"',
            f'coalesce(sum(is_fraud) OVER m{window}, 0) AS "merchant.frauds_{window}"',
        ]
    return f"""
        WITH payments AS (
            SELECT tx_id, card_id, merchant_id, is_fraud::INT AS is_fraud, epoch_us(ts) AS instant,
                   round(amount * 100)::BIGINT AS cents
            FROM read_parquet('{data}')
        )
        SELECT tx_id, cents, is_fraud, {", ".join(columns)} FROM payments WINDOW {", ".join(windows)}
    """


SQL_RULES = [
    '"card.count_1d" >= 6 AND "card.count_1d" * 7 > "card.count_7d" * 4 '
    'AND "card.count_7d" * 30 > "card.count_30d" * 9',
    'cents > 4 * "card.avg_30d" AND cents > 3 * "card.avg_7d" AND cents > 2 * "card.avg_1d"',
    '"merchant.frauds_1d" * 4 > "merchant.count_1d" OR "merchant.frauds_7d" * 10 > "merchant.count_7d" '
    'OR "merchant.frauds_30d" * 20 > "merchant.count_30d"',
]


def in_duckdb(data: Path) -> list[tuple[int, int]]:
    with duckdb.connect(config={"threads": THREADS}) as connection:
        counts = ", ".join(
            f"count(*) FILTER ({rule}), count(*) FILTER (({rule}) AND is_fraud = 1)" for rule in SQL_RULES
        )
        row = connection.sql(f"SELECT {counts} FROM ({duckdb_features(data)})").fetchall()[0]
    return list(zip(row[::2], row[1::2]))


# Polars -----------------------------------------------------------------------------------------------


def polars_features(data: Path) -> pl.LazyFrame:
    """By card with rolling sums, from which the row itself is taken off. By merchant the payments come a
    second time, so much later, as what is counted: Polars has no rolling sum that ends before its row."""
    payments = pl.scan_parquet(data).select(
        "tx_id",
        "card_id",
        "merchant_id",
        pl.col("ts").dt.cast_time_unit("us"),
        (pl.col("amount") * 100).round().cast(pl.Int64).alias("cents"),
        pl.col("is_fraud").cast(pl.Int64),
        pl.lit(1, dtype=pl.Int64).alias("one"),
    )
    card = []
    for window in WINDOWS:
        count = pl.col("one").rolling_sum_by("ts", window, closed="right").over("card_id") - 1
        total = pl.col("cents").rolling_sum_by("ts", window, closed="right").over("card_id") - pl.col("cents")
        card += [
            count.alias(f"card.count_{window}"),
            pl.when(count > 0).then(total / count).alias(f"card.avg_{window}"),
        ]
    zero = pl.lit(0, dtype=pl.Int64)
    asked = payments.select("tx_id", "merchant_id", "ts", zero.alias("one"), zero.alias("fraud"))
    counted = payments.select(
        pl.lit(None, dtype=pl.Int64).alias("tx_id"),
        "merchant_id",
        pl.col("ts") + pl.duration(microseconds=LATE),
        "one",
        pl.col("is_fraud").alias("fraud"),
    )
    merchant = []
    for window in WINDOWS:
        for name, column in [("count", "one"), ("frauds", "fraud")]:
            total = pl.col(column).rolling_sum_by("ts", window, closed="right").over("merchant_id")
            merchant.append(total.alias(f"merchant.{name}_{window}"))
    by_merchant = (
        pl.concat([counted, asked])
        .sort("ts")
        .with_columns(merchant)
        .filter(pl.col("tx_id").is_not_null())
        .select("tx_id", *[f"merchant.{name}_{window}" for window in WINDOWS for name in ("count", "frauds")])
    )
    return payments.with_columns(card).join(by_merchant, on="tx_id")


def polars_rules() -> list[pl.Expr]:
    c = pl.col
    return [
        (c("card.count_1d") >= 6)
        & (c("card.count_1d") * 7 > c("card.count_7d") * 4)
        & (c("card.count_7d") * 30 > c("card.count_30d") * 9),
        (c("cents") > 4 * c("card.avg_30d"))
        & (c("cents") > 3 * c("card.avg_7d"))
        & (c("cents") > 2 * c("card.avg_1d")),
        (c("merchant.frauds_1d") * 4 > c("merchant.count_1d"))
        | (c("merchant.frauds_7d") * 10 > c("merchant.count_7d"))
        | (c("merchant.frauds_30d") * 20 > c("merchant.count_30d")),
    ]


def in_polars(data: Path) -> list[tuple[int, int]]:
    counts = []
    for number, rule in enumerate(polars_rules()):
        counts.append(rule.sum().alias(f"{number} hits"))
        counts.append((rule & (pl.col("is_fraud") == 1)).sum().alias(f"{number} fraud"))
    row = polars_features(data).select(counts).collect().row(0)
    return list(zip(row[::2], row[1::2]))


# All of them ------------------------------------------------------------------------------------------


def recomputed(data: Path) -> dict[str, np.ndarray]:
    """Every feature of every row in whole numbers, from sorted times and running sums; what has no value
    is NaN. Payments of the same instant count in the order of the file."""
    table = pq.read_table(data)
    at = table["ts"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    cents = np.rint(table["amount"].to_numpy() * 100).astype(np.int64)
    fraud = table["is_fraud"].to_numpy().astype(np.int64)
    features = {name: np.full(len(at), np.nan) for name in FEATURES}
    for entity, column in [("card", "card_id"), ("merchant", "merchant_id")]:
        codes = table[column].combine_chunks().dictionary_encode().indices.to_numpy()
        order = np.argsort(codes, kind="stable")
        ends = np.searchsorted(codes[order], np.arange(codes.max() + 2))
        for start, end in zip(ends[:-1], ends[1:]):
            rows = order[start:end]
            times = at[rows]
            sums = {
                name: np.concatenate([[0], np.cumsum(values[rows])])
                for name, values in [("avg", cents), ("frauds", fraud)]
            }
            for window, length in WINDOWS.items():
                if entity == "card":
                    upto = np.arange(len(rows))
                    after = np.searchsorted(times, times - length, side="right")
                    count = upto - after
                    total = sums["avg"][upto] - sums["avg"][after]
                    features[f"card.avg_{window}"][rows] = np.where(
                        count > 0, total / np.maximum(count, 1), np.nan
                    )
                else:
                    upto = np.searchsorted(times, times - LATE, side="right")
                    after = np.searchsorted(times, times - LATE - length, side="right")
                    count = upto - after
                    features[f"merchant.frauds_{window}"][rows] = sums["frauds"][upto] - sums["frauds"][after]
                features[f"{entity}.count_{window}"][rows] = count
    return features


def compare(who: str, found: pa.Table, expected: dict[str, np.ndarray], skip: np.ndarray) -> None:
    """Ends the program at the first value that is not the one expected."""
    for name in FEATURES:
        values = found[name].cast(pa.float64()).combine_chunks().fill_null(np.nan).to_numpy(zero_copy_only=False)
        wanted = expected[name]
        near = np.abs(values - wanted) <= 1e-9 * np.maximum(1.0, np.abs(wanted))
        wrong = ~(near | (np.isnan(values) & np.isnan(wanted)) | skip)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            sys.exit(f"{who}: {name} of row {row} is {values[row]}, and should be {wanted[row]}")
    print(f"{who}: {len(FEATURES)} features of {len(skip) - int(skip.sum()):,} rows agree")


def check(program: Path, data: Path) -> None:
    expected = recomputed(data)
    table = pq.read_table(data, columns=["ts", "card_id"])
    with tempfile.TemporaryDirectory() as directory:
        features = Path(directory) / "features.parquet"
        vajra(program, data, features)
        none = np.zeros(table.num_rows, dtype=bool)
        compare("vajra", pq.read_table(features), expected, none)
    # In the others a payment counts every other of its card at its own instant, also those after it.
    same = table.group_by(["ts", "card_id"]).aggregate([([], "count_all")])
    same = same.filter(pc.greater(same["count_all"], 1)).select(["ts", "card_id"])
    same = same.append_column("is_same", pa.array([True] * same.num_rows))
    numbered = table.append_column("row", pa.array(range(table.num_rows)))
    skip = numbered.join(same, ["ts", "card_id"]).sort_by("row")["is_same"].fill_null(False)
    skip = skip.combine_chunks().to_numpy(zero_copy_only=False)
    with duckdb.connect(config={"threads": THREADS}) as connection:
        ordered = f"SELECT * FROM ({duckdb_features(data)}) ORDER BY tx_id"
        compare("duckdb", connection.sql(ordered).to_arrow_table(), expected, skip)
    compare("polars", polars_features(data).sort("tx_id").collect().to_arrow(), expected, skip)


def cpu_seconds() -> float:
    of = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in of)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--data", type=Path, required=True, help="a Parquet file of the Sparkov generator")
    arguments.add_argument("--vajra", type=Path, default=HERE.parents[1] / "target/release/vajra")
    arguments.add_argument("--times", type=int, default=8, help="how often the file is appended to itself")
    arguments.add_argument("--rounds", type=int, default=5, help="how often each side runs")
    arguments.add_argument("--check", action="store_true", help="compare the values, and time nothing")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "payments.parquet"
        rows = repeated(given.data, given.times, data)
        sides = {
            "vajra": lambda: vajra(given.vajra, data),
            "duckdb": lambda: in_duckdb(data),
            "polars": lambda: in_polars(data),
        }
        print(f"{rows:,} payments, {THREADS} threads; DuckDB {duckdb.__version__}, Polars {pl.__version__}")
        check(given.vajra, data)
        if given.check:
            return
        walls, cpus, hits = {}, {}, {}
        for _ in range(given.rounds):
            for name, run in sides.items():
                began, used = time.perf_counter(), cpu_seconds()
                hits[name] = run()
                walls.setdefault(name, []).append(time.perf_counter() - began)
                cpus.setdefault(name, []).append(cpu_seconds() - used)
        for name in sides:
            print(f"{name}: " + ", ".join(f"{rule} {of[0]:,} ({of[1]:,} fraud)" for rule, of in zip(RULES, hits[name])))
        print(f"\n{'':8}{'payments/s':>12}{'wall s':>9}{'CPU s':>9}{'us CPU each':>13}{'x wall':>8}{'x CPU':>8}   all runs, wall s")
        for name in sides:
            wall, cpu = statistics.median(walls[name]), statistics.median(cpus[name])
            print(
                f"{name:8}{rows / wall:>12,.0f}{wall:>9.2f}{cpu:>9.2f}{cpu / rows * 1e6:>13.2f}"
                f"{wall / statistics.median(walls['vajra']):>8.1f}{cpu / statistics.median(cpus['vajra']):>8.1f}   "
                + " ".join(f"{run:.2f}" for run in walls[name])
            )


if __name__ == "__main__":
    main()
