//! Names of flat columns, made of the API's own field names: the same in views and in silver tables.
//!
//! ```text
//! numeroControlePNCPCompra   numero_controle_pncp_compra
//! orgaoEntidade.cnpj         orgao_entidade_cnpj
//! orgaoEntidadeCnpj          orgao_entidade_cnpj_2     the name is taken
//! ```

use std::collections::BTreeSet;

use crate::schema::{Column, ColumnType, PARTITION_COLUMNS};

/// Column of a table without structs: a field of a record, or of a struct in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlatColumn<'a> {
    /// Readable name.
    pub name: String,
    /// Names of the API from the record to the field.
    pub steps: Vec<&'a str>,
    /// The field as declared.
    pub declared: &'a Column,
}

impl FlatColumn<'_> {
    /// Returns the JSON pointer to the field.
    pub fn pointer(&self) -> String {
        let step = |step: &&str| format!("/{}", step.replace('~', "~0").replace('/', "~1"));
        self.steps.iter().map(step).collect()
    }

    /// Returns the API's names joined with dots: `orgaoEntidade.cnpj`.
    pub fn written(&self) -> String {
        self.steps.join(".")
    }
}

/// Names that columns of one table have.
#[derive(Debug, Clone)]
pub struct ColumnNames(BTreeSet<String>);

impl ColumnNames {
    /// Returns the names that no column of a table may have: those of bronze partitions, and the parent's of a child.
    pub fn of_table(is_child: bool) -> Self {
        let mut taken: BTreeSet<_> = PARTITION_COLUMNS.map(str::to_owned).into();
        if is_child {
            taken.insert("parent_id".to_owned());
        }
        Self(taken)
    }

    /// Gives columns names that no other column has.
    pub fn number(&mut self, columns: &mut [FlatColumn<'_>]) {
        for column in columns {
            column.name = self.free(std::mem::take(&mut column.name));
        }
    }

    /// Takes a name, with a number behind it if a column has it: `orgao.cnpj` and `orgaoCnpj` would have one name.
    fn free(&mut self, name: String) -> String {
        let mut free = name.clone();
        for number in 2.. {
            if self.0.insert(free.clone()) {
                break;
            }
            free = format!("{name}_{number}");
        }
        free
    }
}

/// Returns the fields of declared columns, structs flattened; a list is one column. Two may have one name.
pub fn flatten(declared: &[Column]) -> Vec<FlatColumn<'_>> {
    let mut columns = Vec::new();
    add(declared, (&[], ""), &mut columns);
    columns
}

fn add<'a>(
    declared: &'a [Column],
    (above, prefix): (&[&'a str], &str),
    columns: &mut Vec<FlatColumn<'a>>,
) {
    for column in declared {
        let name = format!("{prefix}{}", snake_case(&column.name));
        let steps = [above, &[column.name.as_str()]].concat();
        match &column.kind {
            ColumnType::Struct(members) => add(members, (&steps, &format!("{name}_")), columns),
            _ => columns.push(FlatColumn {
                name,
                steps,
                declared: column,
            }),
        }
    }
}

/// Returns a name of the API in lower case, its words joined by `_`: `numeroControlePNCPCompra` as
/// `numero_controle_pncp_compra`.
pub fn snake_case(name: &str) -> String {
    let letters: Vec<_> = name.chars().collect();
    let mut snake = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| letters.get(before));
        let after = letters.get(at + 1);
        let begins = before.is_some_and(|before| before.is_lowercase() || before.is_numeric())
            || before.is_some_and(|before| before.is_uppercase())
                && after.is_some_and(|after| after.is_lowercase());
        if letter.is_uppercase() && begins {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable() {
        for (name, expected) in [
            ("numeroControlePNCPCompra", "numero_controle_pncp_compra"),
            ("orgaoSubRogado", "orgao_sub_rogado"),
            ("urlArquivoPDF", "url_arquivo_pdf"),
            ("decreto_7174", "decreto_7174"),
            ("srp", "srp"),
            ("dataTipoEventoMaisRecente", "data_tipo_evento_mais_recente"),
        ] {
            assert_eq!(snake_case(name), expected);
        }
    }

    #[test]
    fn a_name_that_two_columns_would_have_is_numbered() {
        let text = |name: &str| Column::new(name, ColumnType::String);
        let organ = ColumnType::Struct(vec![text("cnpj"), text("a/b~c")]);
        let declared = [
            Column::new("orgao", organ),
            text("orgaoCnpj"),
            text("Day"),
            text("year_"),
        ];
        let mut flat = flatten(&declared);
        ColumnNames::of_table(false).number(&mut flat);
        let names: Vec<_> = flat.iter().map(|column| column.name.as_str()).collect();
        let expected = [
            "orgao_cnpj",
            "orgao_a/b~c",
            "orgao_cnpj_2",
            "day_2",
            "year_",
        ];
        assert_eq!(names, expected);
        assert_eq!(flat[1].pointer(), "/orgao/a~1b~0c");
        assert_eq!(flat[0].written(), "orgao.cnpj");
    }
}
