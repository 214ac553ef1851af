//! What a log holds, read with the crate `parquet`'s record reader (which the sink does not use).

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::data_type::Decimal;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

/// A row: column name to value; a companion's text stands for its column.
pub type Values = BTreeMap<String, Value>;

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    /// As the typed column holds it.
    Typed(Field),
    /// As a companion spells it.
    Spelled(String),
}

/// Every file that a reader would find.
pub fn files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            match path.is_dir() {
                true if name.starts_with('.') || name.starts_with('_') => {}
                true => folders.push(path),
                false if name.ends_with(".parquet") => files.push(path),
                false => panic!("{} is no file of a log", path.display()),
            }
        }
    }
    files.sort();
    files
}

pub fn metadata(path: &Path) -> BTreeMap<String, String> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let pairs = reader.metadata().file_metadata().key_value_metadata().unwrap().clone();
    pairs.into_iter().map(|pair| (pair.key, pair.value.unwrap())).collect()
}

pub fn row_groups(path: &Path) -> usize {
    SerializedFileReader::new(File::open(path).unwrap()).unwrap().num_row_groups()
}

pub fn rows(path: &Path) -> Vec<Values> {
    rows_of(File::open(path).unwrap())
}

pub fn rows_of(file: File) -> Vec<Values> {
    let reader = SerializedFileReader::new(file).unwrap();
    let companions: serde_json::Value = {
        let mut pairs = reader.metadata().file_metadata().key_value_metadata().unwrap().iter();
        let text = pairs.find(|pair| pair.key == "ums.text").unwrap().value.as_ref().unwrap();
        serde_json::from_str(text).unwrap()
    };
    let mut rows = Vec::new();
    for row in reader.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        let cells: BTreeMap<_, _> = row.get_column_iter().collect();
        let mut values = Values::new();
        for (name, cell) in &cells {
            let own = |other: &serde_json::Value| other.as_str() == Some(name);
            if companions.as_object().unwrap().values().any(own) {
                continue;
            }
            let spelled = companions[name.as_str()].as_str().map(|other| cells[&other.to_owned()]);
            let value = match (cell, spelled) {
                (Field::Null, Some(Field::Str(text))) => Value::Spelled(text.clone()),
                (Field::Null, _) => Value::Null,
                (cell, None | Some(Field::Null)) => Value::Typed((*cell).clone()),
                (cell, Some(text)) => panic!("{name}: both {cell:?} and {text:?}"),
            };
            values.insert((*name).clone(), value);
        }
        rows.push(values);
    }
    rows
}

/// Every row of a log, in the order of the files.
pub fn all(root: &Path) -> Vec<Values> {
    files(root).iter().flat_map(|path| rows(path)).collect()
}

pub fn text(values: &Values, name: &str) -> String {
    match &values[name] {
        Value::Typed(Field::Str(text)) | Value::Spelled(text) => text.clone(),
        other => panic!("{name}: {other:?}"),
    }
}

pub fn long(values: &Values, name: &str) -> i64 {
    match values[name] {
        Value::Typed(Field::Long(value) | Field::TimestampMicros(value)) => value,
        ref other => panic!("{name}: {other:?}"),
    }
}

/// A decimal in plain digits.
pub fn decimal(value: &Decimal) -> String {
    let bytes = value.data();
    let mut wide = [if bytes[0] & 0x80 == 0 { 0 } else { 0xff }; 16];
    wide[16 - bytes.len()..].copy_from_slice(bytes);
    let unscaled = i128::from_be_bytes(wide);
    let scale = value.scale() as usize;
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}
