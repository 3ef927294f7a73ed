//! Applies a fault to a fault-free response.

use super::answer::{Answer, Outcome};
use super::call::Right;
use super::chance::Chance;
use super::faults::{Fault, Faults};
use super::provider::Provider;

/// Returns the outcome of a request under `fault`.
pub(super) fn spoil(
    fault: &Fault,
    right: &Right,
    faults: &Faults,
    provider: Provider,
    chance: Chance,
) -> Outcome {
    Outcome::Answer(match fault {
        Fault::RateLimited => provider.too_many(faults.retry_after),
        Fault::Firewall => provider.crowded(chance),
        Fault::PoolExhausted => provider.pool_exhausted(),
        Fault::ServerError => message(500, "Erro na comunicação com o banco de dados"),
        Fault::Unavailable => message(503, "Failed to obtain JDBC Connection"),
        Fault::Hang => return Outcome::Hang(faults.hang),
        Fault::Reset => return Outcome::Reset,
        Fault::CutOff => cut_off(right, chance),
        Fault::Html => provider.html(chance),
        Fault::Unprocessable => Answer::json(
            422,
            r#"{"message":"Período inicial e final maior que 365 dias.","error":"422 UNPROCESSABLE_ENTITY"}"#,
        ),
        Fault::EmptyPage => right.hollow.clone(),
        Fault::NoContent => Answer::empty(204),
        Fault::Answer(answer) => Answer::clone(answer),
        Fault::Shift | Fault::Withdraw | Fault::Advance(_) => right.answer.clone(),
    })
}

/// Page of the firewall that limits concurrent requests.
pub(super) fn firewall(chance: Chance) -> Answer {
    let page = format!(
        "<html><head><title>Limite de Requisições Excedido</title></head><body>\
         <h1>Limite de Requisições Excedido</h1><p>Support ID: {}</p></body></html>",
        chance.of("support id").bits()
    );
    Answer::html(429, page)
}

pub(super) fn message(status: u16, text: &str) -> Answer {
    Answer::json(
        status,
        format!(r#"{{"status":{status},"message":"{text}"}}"#),
    )
}

/// Announces the whole length and sends a part of it, from no byte to all but one.
fn cut_off(right: &Right, chance: Chance) -> Answer {
    // An empty body can't be cut: the page without rows is cut instead.
    let whole = match right.answer.body.is_empty() {
        true => &right.hollow,
        false => &right.answer,
    };
    let sent = chance.of("cut").below(whole.body.len() as u64) as usize;
    Answer {
        cut_at: Some(sent),
        ..whole.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_json() {
        let right = Right {
            answer: Answer::empty(204),
            hollow: Answer::json(200, r#"{"data":[]}"#),
            rows: 0,
            total: 0,
        };
        let faults = Faults::default();
        for fault in [
            Fault::RateLimited,
            Fault::ServerError,
            Fault::Unavailable,
            Fault::PoolExhausted,
            Fault::Unprocessable,
        ] {
            let Outcome::Answer(answer) =
                spoil(&fault, &right, &faults, Provider::Pncp, Chance::new(1))
            else {
                panic!("{fault:?} is an answer");
            };
            serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap();
        }
        let Outcome::Answer(cut) = spoil(
            &Fault::CutOff,
            &right,
            &faults,
            Provider::Pncp,
            Chance::new(1),
        ) else {
            panic!("a cut-off body is an answer");
        };
        assert!(cut.cut_at.is_some_and(|sent| sent < cut.body.len()));
    }
}
