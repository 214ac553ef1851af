# The benchmark's row changes as SQL: inserts of 2,000 rows, updates and deletes of 1,000, one
# transaction each. Usage: awk -v inserts=3400000 -v updates=500000 -v deletes=1200000 -f ...
BEGIN {
  print "CREATE DATABASE bench CHARACTER SET utf8mb4; USE bench;"
  print "CREATE TABLE numbers (n INT PRIMARY KEY);"
  print "SET cte_max_recursion_depth = 10000;"
  print "INSERT INTO numbers WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < 1999) SELECT n FROM c;"
  print "CREATE TABLE changes (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, customer INT NOT NULL," \
    " state ENUM('new','paid','packed','sent','returned') NOT NULL, amount DECIMAL(12,2) NOT NULL, weight DOUBLE," \
    " quantity SMALLINT UNSIGNED NOT NULL, created DATETIME(6) NOT NULL, seen TIMESTAMP(3) NULL," \
    " title VARCHAR(120) NOT NULL, note TEXT);"
  # Only what follows is measured.
  print "FLUSH BINARY LOGS;"
  rounds = inserts / 2000
  update_every = inserts / updates / 2   # rounds between two updates of 1,000 rows
  delete_every = inserts / deletes / 2
  next_update = update_every; next_delete = delete_every + 20
  updated = 0; deleted = 0
  for (round = 1; round <= rounds; round++) {
    print "INSERT INTO changes (customer, state, amount, weight, quantity, created, seen, title, note) SELECT" \
      " CRC32(n + " round ") % 2000000, 1 + n % 5, (CRC32(n * " round ") % 100000000) / 100, IF(n % 11 = 0, NULL, n * 1.37 + " round " / 7)," \
      " n % 60000, '2026-01-01' + INTERVAL " round " * 60 + n SECOND + INTERVAL n * 401 MICROSECOND," \
      " IF(n % 7 = 0, NULL, '2026-01-02' + INTERVAL " round " * 61 + n SECOND)," \
      " CONCAT(ELT(1 + n % 4, 'Lamp, brass', 'Chair \"Nord\"', 'Tisch für draußen', 'Kettle'), ' no. ', HEX(CRC32(n + " round ")), ' of series ', n % 97)," \
      " IF(n % 13 = 0, NULL, CONCAT('packed at shelf ', n % 500, ', checked twice and wrapped in paper, ready to be sent; remark ', HEX(CRC32(CONCAT(n, '/', " round "))), ' ', HEX(CRC32(CONCAT(" round ", n)))))" \
      " FROM numbers;"
    while (next_update <= round) {
      print "UPDATE changes SET state = 1 + id % 5, amount = amount + 1.01, seen = '2026-03-01' + INTERVAL id SECOND" \
        " ORDER BY id DESC LIMIT 1000;"
      next_update += update_every
    }
    while (next_delete <= round) {
      print "DELETE FROM changes ORDER BY id LIMIT 1000;"
      next_delete += delete_every
    }
  }
  print "FLUSH BINARY LOGS;"
}
