# Writes UMS messages of one table for scripts/bench replay: inserts, updates and deletes over keys in
# no order, 10 mixed columns, 500 rows a message.
#
#   awk -v rows=10000000 -f scripts/bench-replay.awk
BEGIN {
  srand(7)
  keys = int(rows / 3)
  columns = "id:long:bigint customer:int:int sku:string:varchar(20) quantity:int:smallint " \
    "amount:decimal:decimal(12,2) weight:double:double state:string:enum('new','paid','sent') " \
    "placed:datetime:datetime changed:datetime:timestamp(6) note:string:varchar(200)"
  fields = field("_ums_id_", "long", "") "," field("_ums_ts_", "datetime", "") "," \
    field("_ums_op_", "string", "") "," field("_ums_uid_", "string", "")
  count = split(columns, column, " ")
  for (i = 1; i <= count; i++) {
    at = index(column[i], ":"); name = substr(column[i], 1, at - 1); rest = substr(column[i], at + 1)
    at = index(rest, ":")
    fields = fields "," field(name, substr(rest, 1, at - 1), substr(rest, at + 1))
  }
  head = "{\"protocol\":{\"type\":\"data_increment_data\",\"version\":\"1.3\"},\"schema\":{\"namespace\":" \
    "\"mysql.bench.shop.orders.0.0.0\",\"batchId\":0,\"keys\":[\"id\"],\"fields\":[" fields "]},\"payload\":["
  split("new paid sent", states, " ")
  for (row = 0; row < rows; row++) {
    if (row % 500 == 0) printf "%s%s", row ? "]}\n" : "", head
    key = int(rand() * keys)
    op = there[key] ? (rand() < 0.25 ? "D" : "U") : "I"
    there[key] = op != "D"
    second = row / 1000
    ts = sprintf("2026-11-%02d %02d:%02d:%02d.%06d", 1 + second / 86400, second / 3600 % 24, second / 60 % 60, second % 60, row % 1000 * 1000)
    printf "%s{\"tuple\":[\"%d\",\"%s\",\"%s\",\"1.7.%d.0\",\"%d\",%d,\"SKU-%05d\",%d,\"%d.%02d\",%.3f,\"%s\",\"%s\",\"%s\",%s]}", \
      row % 500 ? "," : "", 7000000000000 + row * 120, ts, op, row * 120, key, key % 100003, key % 5000, row % 9, \
      row % 1000, row % 100, row % 10000 / 8, states[1 + row % 3], substr(ts, 1, 19), ts, \
      row % 7 ? "\"called about " row % 1000 " and " key % 77 "\"" : "null"
  }
  print "]}"
}
function field(name, type, origin) {
  return "{\"name\":\"" name "\",\"type\":\"" type "\",\"nullable\":" (origin == "" ? "false" : "true") \
    ",\"encoded\":false" (origin == "" ? "" : ",\"origin\":\"" origin "\"") "}"
}
