-- A small shop for the demo: three tables, varied types, inserts, updates, deletes, a key change,
-- a column added in the middle and filled later. Read by MySQL and MariaDB alike.
SET time_zone = '+00:00';
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;

CREATE TABLE customers (
  id INT UNSIGNED NOT NULL PRIMARY KEY,
  label VARCHAR(60) NOT NULL,
  country CHAR(2) NOT NULL,
  tier ENUM('basic', 'silver', 'gold') NOT NULL DEFAULT 'basic',
  credit DECIMAL(12,2) NULL,
  joined DATE NOT NULL
);
CREATE TABLE products (
  sku VARCHAR(20) NOT NULL PRIMARY KEY,
  title VARCHAR(120) NOT NULL,
  price DECIMAL(10,2) NOT NULL,
  weight DOUBLE NULL,
  attributes JSON NULL,
  digest BINARY(4) NOT NULL
);
CREATE TABLE orders (
  id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  customer INT UNSIGNED NOT NULL,
  sku VARCHAR(20) NOT NULL,
  quantity SMALLINT NOT NULL,
  amount DECIMAL(12,2) NOT NULL,
  state ENUM('new', 'paid', 'sent', 'returned') NOT NULL,
  placed DATETIME(6) NOT NULL,
  paid TIMESTAMP(3) NULL,
  note TEXT NULL
);

-- Opening day.
INSERT INTO customers
WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 150)
SELECT n, CONCAT(ELT(1 + n % 4, 'Customer ', 'Kunde für Möbel ', '顧客 ', 'Café ☕ '), n), ELT(1 + n % 5, 'DE', 'FR', 'JP', 'BR', 'KE'),
  1 + n % 3, IF(n % 6 = 0, NULL, n * 13.37), '2026-01-01' + INTERVAL n % 90 DAY FROM c;
INSERT INTO products
WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 60)
SELECT CONCAT('SKU-', LPAD(n, 4, '0')), CONCAT(ELT(1 + n % 4, 'Lamp, "brass"', 'Chair Nord', 'Tisch groß', 'Kettle 🫖'), ' mk ', n),
  n * 3.99, IF(n % 7 = 0, NULL, n / 8), JSON_OBJECT('colour', ELT(1 + n % 3, 'red', 'grün', '白'), 'stock', n * 17, 'boxed', n % 2 = 0),
  UNHEX(LPAD(HEX(n * 1118481), 8, '0')) FROM c;

-- Forty trading days.
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 24)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 1 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 25 UNION ALL SELECT n + 1 FROM c WHERE n < 48)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 2 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 49 UNION ALL SELECT n + 1 FROM c WHERE n < 72)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 3 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 3 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 1 AND 12;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 73 UNION ALL SELECT n + 1 FROM c WHERE n < 96)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 4 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 4 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 25 AND 36;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 97 UNION ALL SELECT n + 1 FROM c WHERE n < 120)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 5 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 5 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 49 AND 60;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 121 UNION ALL SELECT n + 1 FROM c WHERE n < 144)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 6 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 6 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 73 AND 84;
BEGIN; UPDATE orders SET state = 'sent', note = NULL WHERE id BETWEEN 25 AND 31; UPDATE customers SET credit = credit + 6.05 WHERE id % 20 = 6; COMMIT;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 145 UNION ALL SELECT n + 1 FROM c WHERE n < 168)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 7 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 7 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 97 AND 108;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 169 UNION ALL SELECT n + 1 FROM c WHERE n < 192)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 8 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 8 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 121 AND 132;
BEGIN; UPDATE orders SET state = 'sent', note = NULL WHERE id BETWEEN 73 AND 79; UPDATE customers SET credit = credit + 8.05 WHERE id % 20 = 8; COMMIT;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 193 UNION ALL SELECT n + 1 FROM c WHERE n < 216)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 9 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 9 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 145 AND 156;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 217 UNION ALL SELECT n + 1 FROM c WHERE n < 240)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 10 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 10 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 169 AND 180;
BEGIN; UPDATE orders SET state = 'sent', note = NULL WHERE id BETWEEN 121 AND 127; UPDATE customers SET credit = credit + 10.05 WHERE id % 20 = 10; COMMIT;
DELETE FROM orders WHERE id BETWEEN 87 AND 99;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 241 UNION ALL SELECT n + 1 FROM c WHERE n < 264)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 11 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 11 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 193 AND 204;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 265 UNION ALL SELECT n + 1 FROM c WHERE n < 288)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 12 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 12 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 217 AND 228;
BEGIN; UPDATE orders SET state = 'sent', note = NULL WHERE id BETWEEN 169 AND 175; UPDATE customers SET credit = credit + 12.05 WHERE id % 20 = 12; COMMIT;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 289 UNION ALL SELECT n + 1 FROM c WHERE n < 312)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 13 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 13 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 241 AND 252;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 313 UNION ALL SELECT n + 1 FROM c WHERE n < 336)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 14 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 14 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 265 AND 276;
BEGIN; UPDATE orders SET state = 'sent', note = NULL WHERE id BETWEEN 217 AND 223; UPDATE customers SET credit = credit + 14.05 WHERE id % 20 = 14; COMMIT;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 337 UNION ALL SELECT n + 1 FROM c WHERE n < 360)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 15 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 15 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 289 AND 300;
DELETE FROM orders WHERE id BETWEEN 207 AND 219;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 361 UNION ALL SELECT n + 1 FROM c WHERE n < 384)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 16 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 16 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 313 AND 324;
BEGIN; UPDATE orders SET state = 'sent', note = NULL WHERE id BETWEEN 265 AND 271; UPDATE customers SET credit = credit + 16.05 WHERE id % 20 = 16; COMMIT;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 385 UNION ALL SELECT n + 1 FROM c WHERE n < 408)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 17 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 17 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 337 AND 348;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 409 UNION ALL SELECT n + 1 FROM c WHERE n < 432)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 18 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 18 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 361 AND 372;
BEGIN; UPDATE orders SET state = 'sent', note = NULL WHERE id BETWEEN 313 AND 319; UPDATE customers SET credit = credit + 18.05 WHERE id % 20 = 18; COMMIT;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 433 UNION ALL SELECT n + 1 FROM c WHERE n < 456)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 19 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 19 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 385 AND 396;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 457 UNION ALL SELECT n + 1 FROM c WHERE n < 480)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 20 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 20 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 409 AND 420;
BEGIN; UPDATE orders SET state = 'sent', note = NULL WHERE id BETWEEN 361 AND 367; UPDATE customers SET credit = credit + 20.05 WHERE id % 20 = 0; COMMIT;
DELETE FROM orders WHERE id BETWEEN 327 AND 339;
-- The shop learns to count points; the column comes in the middle and is filled later.
ALTER TABLE customers ADD COLUMN points BIGINT NULL AFTER country;
INSERT INTO customers (id, label, country, points, tier, credit, joined) VALUES (151, 'Customer 151', 'IS', 9007199254740993, 'gold', -0.01, '2026-03-01'), (152, '', 'IS', 0, 'basic', 0, '2026-03-01');
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 481 UNION ALL SELECT n + 1 FROM c WHERE n < 504)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 21 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 21 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 433 AND 444;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 505 UNION ALL SELECT n + 1 FROM c WHERE n < 528)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 22 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 22 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 457 AND 468;
BEGIN; UPDATE orders SET state = 'sent', note = NULL WHERE id BETWEEN 409 AND 415; UPDATE customers SET credit = credit + 22.05 WHERE id % 20 = 2; COMMIT;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 529 UNION ALL SELECT n + 1 FROM c WHERE n < 552)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 23 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 23 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 481 AND 492;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 553 UNION ALL SELECT n + 1 FROM c WHERE n < 576)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 24 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 24 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 505 AND 516;
BEGIN; UPDATE orders SET state = 'sent', note = NULL WHERE id BETWEEN 457 AND 463; UPDATE customers SET credit = credit + 24.05 WHERE id % 20 = 4; COMMIT;
UPDATE customers SET points = CAST(id AS SIGNED) * 1000 - 75000 WHERE id % 2 = 0;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 577 UNION ALL SELECT n + 1 FROM c WHERE n < 600)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 25 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 25 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 529 AND 540;
DELETE FROM orders WHERE id BETWEEN 447 AND 459;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 601 UNION ALL SELECT n + 1 FROM c WHERE n < 624)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 26 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 26 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 553 AND 564;
BEGIN; UPDATE orders SET state = 'sent', note = NULL WHERE id BETWEEN 505 AND 511; UPDATE customers SET credit = credit + 26.05 WHERE id % 20 = 6; COMMIT;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 625 UNION ALL SELECT n + 1 FROM c WHERE n < 648)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 27 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 27 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 577 AND 588;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 649 UNION ALL SELECT n + 1 FROM c WHERE n < 672)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 28 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 28 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 601 AND 612;
BEGIN; UPDATE orders SET state = 'sent', note = NULL WHERE id BETWEEN 553 AND 559; UPDATE customers SET credit = credit + 28.05 WHERE id % 20 = 8; COMMIT;
-- Ten articles get a new number: the key changes.
UPDATE products SET sku = CONCAT('NEW-', SUBSTRING(sku, 5)) WHERE sku < 'SKU-0011';
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 673 UNION ALL SELECT n + 1 FROM c WHERE n < 696)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 29 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 29 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 625 AND 636;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 697 UNION ALL SELECT n + 1 FROM c WHERE n < 720)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 30 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 30 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 649 AND 660;
BEGIN; UPDATE orders SET state = 'sent', note = NULL WHERE id BETWEEN 601 AND 607; UPDATE customers SET credit = credit + 30.05 WHERE id % 20 = 10; COMMIT;
DELETE FROM orders WHERE id BETWEEN 567 AND 579;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 721 UNION ALL SELECT n + 1 FROM c WHERE n < 744)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 31 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 31 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 673 AND 684;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 745 UNION ALL SELECT n + 1 FROM c WHERE n < 768)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 32 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 32 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 697 AND 708;
BEGIN; UPDATE orders SET state = 'sent', note = NULL WHERE id BETWEEN 649 AND 655; UPDATE customers SET credit = credit + 32.05 WHERE id % 20 = 12; COMMIT;
-- This one is taken back: nothing of it may arrive.
BEGIN; DELETE FROM customers; INSERT INTO products VALUES ('GHOST', 'never sold', 0, NULL, NULL, 'none'); ROLLBACK;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 769 UNION ALL SELECT n + 1 FROM c WHERE n < 792)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 33 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 33 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 721 AND 732;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 793 UNION ALL SELECT n + 1 FROM c WHERE n < 816)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 34 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 34 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 745 AND 756;
BEGIN; UPDATE orders SET state = 'sent', note = NULL WHERE id BETWEEN 697 AND 703; UPDATE customers SET credit = credit + 34.05 WHERE id % 20 = 14; COMMIT;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 817 UNION ALL SELECT n + 1 FROM c WHERE n < 840)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 35 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 35 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 769 AND 780;
DELETE FROM orders WHERE id BETWEEN 687 AND 699;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 841 UNION ALL SELECT n + 1 FROM c WHERE n < 864)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 36 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 36 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 793 AND 804;
BEGIN; UPDATE orders SET state = 'sent', note = NULL WHERE id BETWEEN 745 AND 751; UPDATE customers SET credit = credit + 36.05 WHERE id % 20 = 16; COMMIT;
UPDATE products SET attributes = JSON_SET(attributes, '$.stock', 0, '$.sizes', JSON_ARRAY(1, 2.5, NULL)), price = price + 0.01 WHERE sku > 'SKU-0040';
DELETE FROM customers WHERE id BETWEEN 30 AND 34;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 865 UNION ALL SELECT n + 1 FROM c WHERE n < 888)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 37 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 37 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 817 AND 828;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 889 UNION ALL SELECT n + 1 FROM c WHERE n < 912)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 38 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 38 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 841 AND 852;
BEGIN; UPDATE orders SET state = 'sent', note = NULL WHERE id BETWEEN 793 AND 799; UPDATE customers SET credit = credit + 38.05 WHERE id % 20 = 18; COMMIT;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 913 UNION ALL SELECT n + 1 FROM c WHERE n < 936)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 39 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 39 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 865 AND 876;
BEGIN;
INSERT INTO orders
WITH RECURSIVE c(n) AS (SELECT 937 UNION ALL SELECT n + 1 FROM c WHERE n < 960)
SELECT IF(n % 200 = 0, 18446744073709551615 - n, n), 1 + (n * 7) % 150, CONCAT('SKU-', LPAD(1 + (n * 11) % 60, 4, '0')), 1 + n % 9, (1 + n % 9) * 3.99 * (1 + (n * 11) % 60),
  'new', '2026-02-01 09:00:00' + INTERVAL 40 DAY + INTERVAL n * 37123457 MICROSECOND, NULL, IF(n % 3 = 0, CONCAT('leave at door ', n % 12, '\n"thanks" \\ ☺'), NULL) FROM c;
COMMIT;
UPDATE orders SET state = 'paid', paid = '2026-02-01 10:00:00.250' + INTERVAL 40 DAY + INTERVAL id % 1000 SECOND WHERE id BETWEEN 889 AND 900;
BEGIN; UPDATE orders SET state = 'sent', note = NULL WHERE id BETWEEN 841 AND 847; UPDATE customers SET credit = credit + 40.05 WHERE id % 20 = 0; COMMIT;
DELETE FROM orders WHERE id BETWEEN 807 AND 819;
