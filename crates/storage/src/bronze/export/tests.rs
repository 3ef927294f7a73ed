use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray, StructArray};
use arrow_schema::{DataType, Field};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;

fn file(columns: Vec<(&str, ArrayRef)>) -> Bytes {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap().into()
}

fn members(columns: Vec<(&str, ArrayRef)>, valid: &[bool]) -> ArrayRef {
    let (fields, arrays): (Vec<_>, Vec<_>) = columns
        .into_iter()
        .map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array))
        .unzip();
    Arc::new(StructArray::new(
        fields.into(),
        arrays,
        Some(valid.to_vec().into()),
    ))
}

fn text(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// Two files: the second has a column more, a member more, and lacks a column.
fn files() -> [Bytes; 2] {
    let amount = Decimal128Array::from(vec![Some(1_234_567_890_123_456_789_010), None]);
    let amount = amount.with_precision_and_scale(38, 4).unwrap();
    let mut list = ListBuilder::new(StringBuilder::new());
    list.append_value([Some("a\"b"), None]);
    list.append_null();
    let first = file(vec![
        ("_id", text(&[Some("1"), Some("2")])),
        ("valor", Arc::new(amount)),
        ("lista", Arc::new(list.finish())),
        (
            "orgao",
            members(
                vec![("cnpj", text(&[Some("00,1"), Some("hidden")]))],
                &[true, false],
            ),
        ),
        ("_extra", text(&[None, Some(r#"{"novo":5}"#)])),
    ]);
    let second = file(vec![
        ("_id", text(&[Some("3")])),
        (
            "orgao",
            members(
                vec![
                    ("cnpj", text(&[Some("")])),
                    ("nome", text(&[Some("x \"y\"\nz")])),
                ],
                &[true],
            ),
        ),
        ("numero", Arc::new(Int64Array::from(vec![i64::MAX]))),
    ]);
    [first, second]
}

fn exported(
    files: &[Bytes],
    paths: &[&str],
    format: ExportFormat,
    condition: Option<&RowCondition<'_>>,
) -> Result<(Vec<u8>, u64), ExportError> {
    let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
    let mut union = ColumnUnion::of_paths(&paths);
    for (at, file) in files.iter().enumerate() {
        let schema = open(file).unwrap().schema().clone();
        union.add(&format!("file {at}"), &schema)?;
    }
    let columns = union.select(&paths, format)?;
    let mut writer = ExportWriter::new(format, columns, Vec::new())?;
    let mut rows = 0;
    for (at, file) in files.iter().enumerate() {
        rows += writer.add(&format!("file {at}"), file, condition)?;
    }
    Ok((writer.finish()?, rows))
}

fn csv(paths: &[&str]) -> String {
    let (bytes, _) = exported(&files(), paths, ExportFormat::Csv, None).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn csv_has_the_union_of_columns_exact_numbers_and_quotes_where_they_are_needed() {
    let expected = concat!(
        "_id,valor,lista,orgao.cnpj,orgao.nome,_extra,numero\n",
        "1,123456789012345678.901,\"[\"\"a\\\"\"b\"\",null]\",\"00,1\",,,\n",
        "2,,,,,\"{\"\"novo\"\":5}\",\n",
        "3,,,\"\",\"x \"\"y\"\"\nz\",,9223372036854775807\n",
    );
    assert_eq!(csv(&[]), expected);
    assert_eq!(
        csv(&["numero", "orgao.cnpj"]),
        "numero,orgao.cnpj\n,\"00,1\"\n,\n9223372036854775807,\"\"\n"
    );
    assert_eq!(
        csv(&["orgao", "_id"]).lines().next(),
        Some("orgao.cnpj,orgao.nome,_id")
    );
}

#[test]
fn parquet_keeps_nested_columns_and_takes_members_by_path() {
    let (bytes, rows) = exported(&files(), &[], ExportFormat::Parquet, None).unwrap();
    assert_eq!(rows, 3);
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
    let columns: Vec<_> = reader
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(
        columns,
        ["_id", "valor", "lista", "orgao", "_extra", "numero"]
    );
    let DataType::Struct(members) = reader.schema().field(3).data_type() else {
        panic!("nested");
    };
    assert_eq!(members.len(), 2);

    // A member is null where what encloses it is.
    let (bytes, _) = exported(&files(), &["orgao.cnpj"], ExportFormat::Parquet, None).unwrap();
    let mut reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes))
        .unwrap()
        .build()
        .unwrap();
    let batch = reader.next().unwrap().unwrap();
    assert_eq!(batch.schema().field(0).name(), "orgao.cnpj");
    assert_eq!(
        batch.column(0).as_ref(),
        text(&[Some("00,1"), None, Some("")]).as_ref()
    );
}

#[test]
fn conditions_see_what_no_column_holds() {
    let is_met = |row: String| Ok(row.contains(r#""novo":5"#));
    let condition = RowCondition {
        columns: HashSet::from(["novo".to_owned()]),
        is_met: &is_met,
    };
    let format = ExportFormat::Csv;
    let (bytes, rows) = exported(&files(), &["_id"], format, Some(&condition)).unwrap();
    assert_eq!((bytes.as_slice(), rows), (&b"_id\n2\n"[..], 1));
}

#[test]
fn a_column_of_two_types_is_named_with_its_files_unless_it_isnt_wanted() {
    let [first, _] = files();
    let other = file(vec![
        ("_id", text(&[Some("4")])),
        (
            "orgao",
            members(vec![("cnpj", Arc::new(Int64Array::from(vec![1])))], &[true]),
        ),
    ]);
    let both = [first, other];
    let error = exported(&both, &[], ExportFormat::Csv, None).unwrap_err();
    let told = error.to_string();
    assert!(
        told.starts_with("column `orgao.cnpj` is Utf8 in file 0 and Int64 in file 1"),
        "{told}"
    );
    assert_eq!(
        exported(&both, &["_id"], ExportFormat::Csv, None)
            .unwrap()
            .1,
        3
    );
    let error = exported(&both, &["nada"], ExportFormat::Csv, None).unwrap_err();
    assert!(matches!(error, ExportError::NoColumn(_)), "{error}");
}

#[test]
fn rows_are_written_group_by_group_not_all_at_the_end() {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..2_500));
    let bytes = file(vec![
        ("_id", text(&[Some("x"); 2_500])),
        ("numero", numbers),
    ]);
    let mut union = ColumnUnion::default();
    union.add("a", open(&bytes).unwrap().schema()).unwrap();
    let columns = union.select(&[], ExportFormat::Parquet).unwrap();
    let mut writer = ExportWriter::new(ExportFormat::Parquet, columns, Vec::new()).unwrap();
    writer.group_bytes = 1;
    writer.add("a", &bytes, None).unwrap();
    let made = Bytes::from(writer.finish().unwrap());
    let made = open(&made).unwrap();
    assert_eq!(made.metadata().num_row_groups(), 3);
    assert_eq!(made.metadata().file_metadata().num_rows(), 2_500);
}
