//! The other datasets, generated from a seed: price registers, contracts, the archive, the registers.

mod archive;
mod days;
mod made;
mod registers;

pub use days::DayOf;
pub use registers::{fornecedores, materiais, orgaos, servicos, uasg};
