//! What the TCU's services hold, made from a seed when it is asked for.
//!
//! Nobody who exists is named: persons and companies are simulated ones, whose documents have
//! wrong check digits.

mod feed;
mod lists;
mod sanctions;

pub use feed::AcordaoFeed;
pub use lists::{pedidos_congresso, termos_contratuais};
pub use sanctions::{inabilitados, inidoneos};
