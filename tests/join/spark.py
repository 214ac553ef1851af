"""The window and the join of docs/spark.md: scripts/spark/stream.py beside ums-join over the same messages.
Ends with 1 and says what differs."""

import glob
import json
import os
import subprocess
import sys
import tempfile

import duckdb

PROGRAM, JOB = sys.argv[1:3]
FIELDS = {
    "orders": [("id", "long"), ("city", "string"), ("amount", "decimal"), ("customer", "int")],
    "payments": [("no", "long"), ("customer_id", "long"), ("paid", "decimal")],
}
SYSTEM = [("_ums_id_", "long"), ("_ums_ts_", "datetime"), ("_ums_op_", "string"), ("_ums_uid_", "string")]


def message(table, rows):
    fields = [{"name": name, "type": kind, "nullable": True, "encoded": False} for name, kind in SYSTEM + FIELDS[table]]
    return json.dumps({"protocol": {"type": "data_increment_data", "version": "1.3"}, "schema": {
        "namespace": f"mysql.db1.shop.{table}.0.0.0", "keys": [FIELDS[table][0][0]], "fields": fields},
        "payload": [{"tuple": row} for row in rows]})


def spark(folder, name, *options):
    out = os.path.join(folder, name)
    subprocess.run([sys.executable, JOB, *options, "--source", os.path.join(folder, "in"), "--to", "parquet:" + out, "--once",
                    "--checkpoint", out + ".checkpoint", "--lateness", "1 minute"], check=True, stderr=subprocess.PIPE,
                   env={**os.environ, "PYSPARK_SUBMIT_ARGS": "--master local[2] --driver-memory 1g --conf spark.ui.enabled=false "
                        "--conf spark.sql.shuffle.partitions=2 pyspark-shell"})
    files = glob.glob(out + "/part-*.parquet")
    return duckdb.connect().execute(f"SELECT * FROM read_parquet({files})").fetchall() if files else []


def ours(folder, *options):
    done = subprocess.run([PROGRAM, "--quiet", "--from", os.path.join(folder, "in", "all.ums"), *options], check=True,
                          capture_output=True, text=True)
    for line in done.stdout.splitlines():
        one = json.loads(line)
        names = [field["name"] for field in one["schema"]["fields"]]
        for row in one["payload"]:
            yield dict(zip(names, row["tuple"]))


def same(what, left, right):
    if left != right or not left:
        print(f"{what}: only Spark has {sorted(left - right)[:5]}, only ums-join {sorted(right - left)[:5]}", file=sys.stderr)
        sys.exit(1)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "in"))
        lines, orders, payments = [], [], []
        for i in range(600):
            stamp = f"2026-11-21 {i // 360:02}:{i // 6 % 60:02}:{i % 6 * 10:02}.000000"
            orders.append([str(1000 + 2 * i), stamp, "I", f"o{i}", str(i), ["Wien", "Graz", "Linz"][i % 3], f"{i}.25", i % 50])
            if i % 4 == 0:
                payments.append([str(1001 + 2 * i), stamp, "I", f"p{i}", str(i), str((i + 7) % 50), f"{i}.50"])
        # One hours later closes every window of Spark's, which the end of the input does not.
        for table, rows in (("orders", orders), ("payments", payments)):
            last = [*rows[-1]]
            last[:5] = ["9999", "2026-11-21 23:59:59.000000", "I", f"{table}-last", "100000"]
            rows.append(last)
            lines += [message(table, rows[at:at + 50]) for at in range(0, len(rows), 50)]
        with open(os.path.join(folder, "in", "all.ums"), "w", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")
        theirs = {(str(row[0])[:19], row[2], row[3], f"{float(row[4]):.2f}") for row in spark(
            folder, "windows", "window", "--namespace", "*.*.shop.orders", "--size", "1 minute", "--group", "city", "--sum", "amount")}
        found = {(row["window_start"][:19], row["city"], int(row["n"]), f"{float(row['total']):.2f}") for row in ours(
            folder, "--namespace", "*.*.shop.orders", "--mode", "append", "--window", "tumble:1m", "--group-by", "city",
            "--agg", "count(*) AS n, sum(amount) AS total") if "window_start" in row}
        same("window", theirs, {row for row in found if not row[0].startswith("2026-11-21 23:59")})
        theirs = {(json.loads(row[0])["id"], json.loads(row[1])["no"]) for row in spark(
            folder, "join", "join", "--left", "*.*.shop.orders", "--right", "*.*.shop.payments", "--on", "customer=customer_id",
            "--within", "10 minutes")}
        found = {(row["id"], row["no"]) for row in ours(
            folder, "--left", "*.*.shop.orders", "--right", "*.*.shop.payments", "--on", "customer = customer_id", "--within", "10m")}
        same("join", theirs, found)
        print("Spark and ums-join agree")


main()
