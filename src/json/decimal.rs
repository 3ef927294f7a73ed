//! Numbers as decimals, digit by digit.
