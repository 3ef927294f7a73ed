//! Records of the TCU's services, generated from a seed on demand.
//!
//! No real person or company is named: persons and companies are simulated, and their documents have wrong
//! check digits.

mod feed;
mod lists;
mod sanctions;

pub use feed::AcordaoFeed;
pub use lists::{pedidos_congresso, termos_contratuais};
pub use sanctions::{inabilitados, inidoneos};
