//! What real servers say of tables and logins, against what the library says. Needs
//! `DWS_TEST_MYSQL` and `DWS_TEST_MARIADB`, URLs of throw-away servers on this machine with a root
//! that has no password (`mysql://root@/?socket=DIR/s.sock`); a server that is not given is said to
//! be skipped.

use dws::error::Kind;
use dws::mysql::connect::{ServerInfo, connect};
use dws::mysql::ddl::{SqlMode, Statement, classify};
use dws::mysql::options::{ConnectOptions, Secret, Sources, SslMode, resolve};
use dws::mysql::schema::{Catalog, Shape, TableDefinition, from_information_schema};
use mysql::prelude::Queryable;

fn server(variable: &str) -> Option<ConnectOptions> {
    let Ok(url) = std::env::var(variable) else {
        eprintln!("SKIPPED: {variable} names no server");
        return None;
    };
    let lookup = |_: &str| None;
    let sources = Sources {
        url: &url,
        password_file: None,
        lookup: &lookup,
        defaults: None,
        extra_keys: &[],
    };
    Some(resolve(&sources).unwrap().options)
}

/// One column a line, as far as both sides know it.
fn show(table: &TableDefinition) -> Vec<String> {
    let mut lines: Vec<String> = table
        .columns
        .iter()
        .map(|c| {
            format!(
                "{} {}{}{}{} {}",
                c.name,
                c.column_type,
                if c.nullable { "" } else { " NOT NULL" },
                if c.generated { " GENERATED" } else { "" },
                if c.invisible { " INVISIBLE" } else { "" },
                c.charset.as_deref().unwrap_or("-"),
            )
        })
        .collect();
    lines.push(format!("PRIMARY KEY {}", table.keys.join(" ")));
    lines
}

const BOTH: &[&str] = &[
    "CREATE TABLE integers (a TINYINT, b SMALLINT UNSIGNED, c MEDIUMINT ZEROFILL, d INT(5), e BIGINT UNSIGNED, \
     f INT1, g INT2, h INT3, i INT4, j INT8, k MIDDLEINT, l INTEGER UNSIGNED, m BOOL, n BOOLEAN NOT NULL, \
     o TINYINT(1), p TINYINT(1) UNSIGNED, q INT(10) UNSIGNED ZEROFILL, r SERIAL, s TINYINT(4) SIGNED)",
    "CREATE TABLE decimals (a DECIMAL, b DEC(5), c FIXED(7,3) UNSIGNED, d NUMERIC(65,30), e DECIMAL(10,0) ZEROFILL)",
    "CREATE TABLE floats (a FLOAT, b FLOAT(24), c FLOAT(25), d FLOAT(7,3), e DOUBLE PRECISION, f REAL, g FLOAT4, \
     h FLOAT8, i DOUBLE(10,2) UNSIGNED, j DOUBLE PRECISION ZEROFILL)",
    "CREATE TABLE times (a DATE, b TIME, c TIME(3), d DATETIME, e DATETIME(6), f TIMESTAMP(0) NULL, \
     g TIMESTAMP(6) NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), h YEAR, i YEAR(4), \
     j DATETIME DEFAULT NOW() ON UPDATE NOW() NOT NULL)",
    "CREATE TABLE strings (a CHAR, b CHAR(0), c VARCHAR(10), d CHARACTER VARYING(9), e VARCHARACTER(3), \
     f NATIONAL CHAR(2), g NCHAR(3), h NVARCHAR(4), i NATIONAL VARCHAR(5), j NCHAR VARCHAR(6), k NATIONAL CHARACTER VARYING(7), \
     l CHARACTER(8), m VARCHAR(5) CHARACTER SET gbk, n CHAR(6) ASCII, o CHAR(7) UNICODE, p CHAR(3) BYTE, \
     q VARCHAR(4) CHARACTER SET binary, r CHAR(2) BINARY, s VARCHAR(5) COLLATE latin2_bin, t CHAR(3) CHARACTER SET utf8) \
     DEFAULT CHARSET=latin1",
    "CREATE TABLE texts (a TINYTEXT, b TEXT, c MEDIUMTEXT, d LONGTEXT, e TEXT(60), f TEXT(300), g TEXT(20000), \
     h LONG, i LONG VARCHAR, j TEXT CHARACTER SET binary, k TEXT(255) CHARSET latin1, l TEXT(5000000)) CHARACTER SET = utf8mb4",
    "CREATE TABLE binaries (a BINARY, b BINARY(5), c VARBINARY(9), d TINYBLOB, e BLOB, f MEDIUMBLOB, g LONGBLOB, \
     h LONG VARBINARY, i BLOB(200), j BLOB(70000), k BIT, l BIT(64))",
    "CREATE TABLE labels (a ENUM('a','it''s','b\\\\c','x\\ny ','comma,x','q\"r') NOT NULL DEFAULT 'a', \
     b SET('x','y''') CHARACTER SET latin1, c ENUM('') COLLATE utf8mb4_bin, d ENUM('ü','日本') CHARSET utf8mb4)",
    "CREATE TABLE spaces (a GEOMETRY, b POINT NOT NULL, c LINESTRING, d POLYGON, e MULTIPOINT, f MULTILINESTRING, \
     g MULTIPOLYGON, h GEOMETRYCOLLECTION)",
    "CREATE TABLE keyed (b INT, `A b` VARCHAR(5), c INT, CONSTRAINT x PRIMARY KEY USING BTREE (`a B`, b DESC), KEY (c), \
     UNIQUE u (c, b), CONSTRAINT ch CHECK (c > 0))",
    "CREATE TABLE computed (id INT PRIMARY KEY, a INT GENERATED ALWAYS AS (id + 1) STORED, b INT AS (id * 2) VIRTUAL UNIQUE, \
     c INT DEFAULT (1 + 2), d INT DEFAULT -5 COMMENT 'NOT NULL, x', e VARCHAR(5) DEFAULT 'a' 'b', f BIT(2) DEFAULT b'01')",
    "CREATE TABLE hidden (a INT, b INT INVISIBLE DEFAULT 1, c INT)",
    "CREATE TABLE parted (id INT NOT NULL, d DATE, PRIMARY KEY (id)) ENGINE=InnoDB COMMENT='x' ROW_FORMAT=DYNAMIC \
     PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)",
    "CREATE TABLE child (id INT PRIMARY KEY, k INT, CONSTRAINT fk FOREIGN KEY (k) REFERENCES computed (id) ON DELETE SET NULL)",
    "CREATE TABLE likewise LIKE keyed",
    "CREATE TABLE likewise2 (LIKE strings)",
    "CREATE TABLE grow (a TINYTEXT, b TEXT, c MEDIUMTEXT, d VARCHAR(5), e ENUM('x'), f BLOB) CHARSET latin1",
    "ALTER TABLE grow CONVERT TO CHARACTER SET utf8mb4",
    "ALTER TABLE grow ADD g TEXT(100), CONVERT TO CHARACTER SET latin1, ADD h CHAR(5)",
    "ALTER TABLE grow ADD i CHAR(5) CHARSET gbk, DEFAULT CHARACTER SET utf8mb4, ADD j CHAR(5)",
    "CREATE TABLE moves (a INT, b INT NOT NULL, c INT, d VARCHAR(5), PRIMARY KEY (b, a))",
    "ALTER TABLE moves ADD e INT FIRST, ADD f INT AFTER b, ADD COLUMN (g INT, h INT)",
    "ALTER TABLE moves MODIFY c BIGINT FIRST, CHANGE d dd CHAR(9) NOT NULL AFTER a, DROP e",
    "ALTER TABLE moves RENAME COLUMN g TO h, RENAME COLUMN h TO g",
    "ALTER TABLE moves MODIFY a INT AFTER f, ADD z INT AFTER a, CHANGE c cc INT AFTER z",
    "ALTER TABLE moves DROP PRIMARY KEY, ADD PRIMARY KEY (cc), MODIFY b INT NULL",
    "ALTER TABLE moves DROP f, ADD f TEXT FIRST",
    "ALTER TABLE moves DROP COLUMN z, ADD INDEX i (b), ALTER a SET DEFAULT 5, COMMENT 'x', ENGINE=InnoDB, ALGORITHM=COPY, LOCK=SHARED",
    "ALTER TABLE moves RENAME moved, ADD q INT",
    "DROP INDEX `PRIMARY` ON moved",
    "CREATE INDEX i2 ON moved (a)",
    "ALTER TABLE child DROP FOREIGN KEY fk, DROP INDEX fk, ADD UNIQUE (k)",
    "ALTER TABLE parted ADD e INT REMOVE PARTITIONING",
    "ALTER TABLE parted PARTITION BY HASH (id) PARTITIONS 3",
    "ALTER TABLE parted ADD f INT PARTITION BY KEY (id) PARTITIONS 2",
    "CREATE TABLE t (a INT)",
    "CREATE TABLE _t_gho (a INT, b INT)",
    "RENAME TABLE t TO _t_del, _t_gho TO t",
    "RENAME TABLE t TO x, _t_del TO t, x TO _t_del",
    "DROP TABLE IF EXISTS _t_del, nothing",
    "TRUNCATE TABLE t",
    "CREATE TABLE `we-ird.na``me` (`sel ect` INT, `ünï` INT /* c */, -- c\n `x` INT # c\n)",
    "ALTER TABLE `we-ird.na``me` CHANGE `Ünï` plain INT",
    "CREATE TABLE many (a INT DEFAULT NULL, b VARCHAR(9) NOT NULL DEFAULT '' COMMENT 'it''s', c INT UNIQUE KEY COMMENT 'x', \
     d INT AUTO_INCREMENT KEY)",
    "CREATE TABLE bin (a VARCHAR(9), b TEXT, c ENUM('x'), d CHAR(5) CHARACTER SET latin1) CHARSET binary",
    "CREATE TEMPORARY TABLE temp (a INT)",
    "CREATE TABLE /*!40000 old */ (a INT) /*!50100 COMMENT='x' */",
];

const MYSQL: &[&str] = &[
    "ALTER TABLE keyed DROP `A b`",
    "CREATE TABLE json (a JSON, b GEOMCOLLECTION, c VECTOR(3), d VECTOR, e POINT SRID 4326 NOT NULL, \
     f VARCHAR(10) /*!80023 INVISIBLE */ DEFAULT 'x', g INT /*!99999 FROB */)",
    "ALTER TABLE json ALTER COLUMN a SET INVISIBLE, ALTER COLUMN f SET VISIBLE",
    "ALTER TABLE json ADD INDEX fi ((CAST(f AS CHAR(3)))), ADD h INT CHECK (h > 1) NOT ENFORCED",
    "SET sql_generate_invisible_primary_key=0",
    "ALTER TABLE moved ADD PRIMARY KEY (cc), ADD CONSTRAINT c1 CHECK (a > -5)",
    "ALTER TABLE moved DROP CONSTRAINT `PRIMARY`, DROP CONSTRAINT c1",
    "CREATE TABLE long_names (a NATIONAL VARCHARACTER(5), b DOUBLE PRECISION UNSIGNED, c YEAR)",
];

const MARIADB: &[&str] = &[
    "CREATE TABLE json (a JSON, b UUID, c INET6, d INET4, e VARCHAR(100) COMPRESSED, f TEXT COMPRESSED, \
     g VARCHAR(9) COMPRESSED=zlib DEFAULT 'x', h INT /*!50701 FROB */, i INT /*M!100100 NOT NULL */ DEFAULT (1 + 2))",
    "CREATE OR REPLACE TABLE json (a JSON NOT NULL DEFAULT '{}', b YEAR(2), u DATETIME DEFAULT current_timestamp() \
     ON UPDATE current_timestamp(), v VARCHAR(36) DEFAULT uuid(), w INT DEFAULT (1) CHECK (w > 0), p INT AS (w + 1) PERSISTENT)",
    "ALTER TABLE json ADD COLUMN IF NOT EXISTS a INT, DROP COLUMN IF EXISTS nothing, MODIFY COLUMN IF EXISTS nothing INT",
    "ALTER TABLE IF EXISTS nothing ADD a INT",
    "SET STATEMENT max_statement_time=60 FOR ALTER TABLE json ADD z INT",
    "ALTER TABLE json CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CREATE SEQUENCE seq",
    "CREATE TABLE versioned (a INT) WITH SYSTEM VERSIONING",
    "CREATE TABLE versioned2 (a INT WITH SYSTEM VERSIONING, b INT WITHOUT SYSTEM VERSIONING)",
    "CREATE TABLE versioned3 (a INT, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START INVISIBLE, \
     e TIMESTAMP(6) GENERATED ALWAYS AS ROW END INVISIBLE, PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING",
    "CREATE TABLE versioned4 (a INT) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME (PARTITION p0 HISTORY, PARTITION p1 CURRENT)",
    "CREATE TABLE period (id INT, s DATE, e DATE, PERIOD FOR p (s, e), PRIMARY KEY (id, p WITHOUT OVERLAPS))",
    "ALTER TABLE seq RENAME TO seq2",
    "DROP SEQUENCE IF EXISTS nothing",
    "CREATE TABLE uca (a VARCHAR(5) COLLATE uca1400_ai_ci, b TEXT) CHARSET utf8mb4 COLLATE uca1400_as_ci",
];

fn follow(variable: &str, statements: &[&str]) {
    let Some(options) = server(variable) else { return };
    let mut conn = connect(&options).unwrap();
    let info = ServerInfo::read(&mut conn).unwrap();
    let schema = format!("ddl_{}", std::process::id());
    let mut catalog = Catalog::new(false);
    let mut run = |conn: &mut mysql::Conn, sql: &str| {
        conn.query_drop(sql).unwrap_or_else(|e| panic!("{sql}\n{e}"));
        let statement = classify(sql, SqlMode::default(), info.mariadb, &schema);
        assert!(!matches!(statement, Statement::NotUnderstood { .. }), "{sql}");
        if let Statement::AlterTable(alter) = &statement {
            assert!(alter.understood, "{sql}");
        }
        catalog.apply(&statement);
        if sql.starts_with("CREATE DATABASE") {
            conn.select_db(&schema).unwrap();
            return;
        }
        let said = from_information_schema(conn).unwrap();
        for (name, shape) in said.tables().filter(|(name, _)| name.schema == schema) {
            let Shape::Known(expected) = shape else { panic!("{name}") };
            let found = catalog.get(name).unwrap_or_else(|| {
                panic!("{name} after {sql}: {:?}", catalog.unknown_because(name))
            });
            assert_eq!(show(found), show(expected), "{name} after {sql}");
        }
        let count = said.tables().filter(|(name, _)| name.schema == schema).count();
        assert_eq!(catalog.tables().count(), count, "after {sql}");
    };
    run(&mut conn, &format!("CREATE DATABASE {schema} CHARACTER SET utf8mb4"));
    for sql in statements {
        run(&mut conn, sql);
    }
    run(&mut conn, &format!("DROP DATABASE {schema}"));
}

#[test]
fn definitions_follow_mysql() {
    follow("DWS_TEST_MYSQL", &[BOTH, MYSQL].concat());
}

#[test]
fn definitions_follow_mariadb() {
    follow("DWS_TEST_MARIADB", &[BOTH, MARIADB].concat());
}

/// The same server over TCP, where logins and certificates differ from those over a socket.
fn over_tcp(conn: &mut mysql::Conn, options: &ConnectOptions) -> ConnectOptions {
    let port = conn.query_first("SELECT @@port").unwrap().unwrap();
    ConnectOptions { host: "127.0.0.1".into(), port, socket: None, ..options.clone() }
}

fn logins(variable: &str, create: &str) {
    let Some(root) = server(variable) else { return };
    let mut conn = connect(&root).unwrap();
    let tcp = over_tcp(&mut conn, &root);
    let user = format!("ddl_u{}", std::process::id());
    conn.query_drop(create.replace("USER_NAME", &user)).unwrap();
    let login = |password: &str, mode: SslMode| ConnectOptions {
        user: user.clone(),
        password: Some(Secret::new(password)),
        ssl_mode: mode,
        ..tcp.clone()
    };
    let has_tls = connect(&login("s3cret", SslMode::Required)).is_ok();
    for mode in [SslMode::Disabled, SslMode::Preferred, SslMode::Required, SslMode::Disabled] {
        if mode == SslMode::Required && !has_tls {
            continue;
        }
        let mut conn = connect(&login("s3cret", mode)).unwrap_or_else(|e| panic!("{mode:?}: {e}"));
        let cipher: Option<(String, String)> =
            conn.query_first("SHOW STATUS LIKE 'Ssl_cipher'").unwrap();
        let encrypted = cipher.is_some_and(|(_, cipher)| !cipher.is_empty());
        assert_eq!(encrypted, mode != SslMode::Disabled && has_tls, "{mode:?}");
        // Once cached by the server a login takes a shorter path: both are walked.
        conn.query_drop("SELECT 1").unwrap();
    }
    let error = connect(&login("hunter2", SslMode::Preferred)).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused, "{error}");
    assert!(error.to_string().contains("check user and password"), "{error}");
    assert!(!error.to_string().contains("hunter2"));
    if has_tls {
        let error = connect(&login("s3cret", SslMode::VerifyCa)).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused, "{error}");
    } else {
        let error = connect(&login("s3cret", SslMode::Required)).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused, "{error}");
        assert!(error.to_string().contains("no TLS"), "{error}");
    }
    let nowhere = ConnectOptions { database: Some("no_such".into()), ..root.clone() };
    assert_eq!(connect(&nowhere).unwrap_err().kind(), Kind::Refused);
    let closed = ConnectOptions { port: 1, ..tcp.clone() };
    assert_eq!(connect(&closed).unwrap_err().kind(), Kind::Unreachable);
    let mut conn = connect(&root).unwrap();
    conn.query_drop(format!("DROP USER {user}")).unwrap();
    let info = ServerInfo::read(&mut conn).unwrap();
    assert!(info.log_bin && info.server_id > 0 && !info.identity.is_empty());
    assert_eq!(info.binlog_format, "ROW");
    assert!(info.version_numbers >= (10, 5, 0) || !info.mariadb);
    assert_eq!(info.mariadb, variable.ends_with("MARIADB"));
}

#[test]
fn logins_to_mysql() {
    logins(
        "DWS_TEST_MYSQL",
        "CREATE USER USER_NAME IDENTIFIED WITH caching_sha2_password BY 's3cret'",
    );
}

#[test]
fn logins_to_mariadb() {
    logins("DWS_TEST_MARIADB", "CREATE USER USER_NAME IDENTIFIED BY 's3cret'");
}

/// The issuer that MySQL makes for itself is trusted when named, and its name is still checked.
#[test]
fn certificates_are_checked() {
    let Some(root) = server("DWS_TEST_MYSQL") else { return };
    let mut conn = connect(&root).unwrap();
    let datadir: String = conn.query_first("SELECT @@datadir").unwrap().unwrap();
    let ca = std::path::Path::new(&datadir).join("ca.pem");
    if !ca.exists() {
        eprintln!("SKIPPED: the server's issuer is not on this machine");
        return;
    }
    let user = format!("ddl_c{}", std::process::id());
    conn.query_drop(format!("CREATE USER {user}")).unwrap();
    let tcp = ConnectOptions { user: user.clone(), ..over_tcp(&mut conn, &root) };
    let mode = |ssl_mode| ConnectOptions { ssl_mode, ssl_ca: Some(ca.clone()), ..tcp.clone() };
    connect(&mode(SslMode::VerifyCa)).unwrap();
    assert_eq!(connect(&mode(SslMode::VerifyIdentity)).unwrap_err().kind(), Kind::Refused);
    let missing = ConnectOptions { ssl_ca: Some("/nowhere.pem".into()), ..mode(SslMode::VerifyCa) };
    assert_eq!(connect(&missing).unwrap_err().kind(), Kind::Usage);
    conn.query_drop(format!("DROP USER {user}")).unwrap();
}
