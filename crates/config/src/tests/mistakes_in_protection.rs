//! Mistakes in `protect`: each would leave personal data in the clear, or make a table unusable.

use super::{Folder, PNCP};

const KEY: &str = "protect_key = { env = \"PROTECT_KEY\" }";
const RULE: &str = "[dataset.contratacoes.protect.usuarioNome]\nmethod = \"hmac\"";
const SECRET: (&str, &str) = ("PROTECT_KEY", "a key of sixteen characters or more");

fn folder(key: &str, rule: &str) -> Folder {
    let folder = Folder::shipped();
    let text = folder.read(PNCP);
    folder.write(PNCP, &format!("{key}\n{text}\n{rule}\n"));
    folder
}

#[test]
fn a_rule_and_its_key_become_a_protection() {
    let settings = folder(KEY, RULE).load(&[SECRET]).unwrap();
    let dataset = &settings.sources["pncp"].datasets["contratacoes"];
    let protection = dataset.protection.as_ref().unwrap();
    let left = protection.apply(r#"{"usuarioNome":"Maria"}"#).unwrap();
    assert!(left.contains("hmac:") && !left.contains("Maria"), "{left}");
    let shown = format!("{settings:?}");
    assert!(!shown.contains(SECRET.1), "{shown}");
}

#[test]
fn each_mistake_is_told() {
    let of = |name: &str, rest: &str| format!("[dataset.contratacoes.protect.{name}]\n{rest}");
    for (key, rule, secret, what, hint) in [
        (
            "",
            RULE.to_owned(),
            SECRET.1,
            "there is none",
            "protect_key = { env",
        ),
        (
            KEY,
            RULE.to_owned(),
            "",
            "which is empty",
            "set `PROTECT_KEY`",
        ),
        (
            KEY,
            RULE.to_owned(),
            "short",
            "fewer than 16 characters",
            "32 random bytes",
        ),
        (
            KEY,
            of("usuarioNom", "method = \"hmac\""),
            SECRET.1,
            "the schema lacks",
            "did you mean `usuarioNome`",
        ),
        (
            KEY,
            of("valorTotalEstimado", "method = \"hmac\""),
            SECRET.1,
            "not declared as text",
            "declare it as \"string\"",
        ),
        (
            KEY,
            of("numeroControlePNCP", "method = \"mask\""),
            SECRET.1,
            "ids are made of",
            "method = \"hmac\"",
        ),
        (
            KEY,
            of("usuarioNome", ""),
            SECRET.1,
            "it says what becomes of the value",
            "method = \"mask\"",
        ),
        (
            KEY,
            of("usuarioNome", "method = \"rot13\""),
            SECRET.1,
            "rot13",
            "hmac",
        ),
        (
            KEY,
            of(
                "usuarioNome",
                "method = \"mask\"\nwhen = { field = \"tipo\" }",
            ),
            SECRET.1,
            "two parts",
            "equals",
        ),
        (
            KEY,
            of("dataPublicacaoPncp", "method = \"mask\""),
            SECRET.1,
            "says the record's day",
            "can't be protected",
        ),
    ] {
        let problems = folder(key, &rule)
            .problems(&[(SECRET.0, secret)])
            .to_string();
        assert!(
            problems.contains(what) && problems.contains(hint),
            "{rule}: {problems}"
        );
        assert!(
            problems.contains("pncp.toml:") || secret.is_empty(),
            "{problems}"
        );
        assert!(!problems.contains(SECRET.1), "{problems}");
    }
}
