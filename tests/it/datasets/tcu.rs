//! The TCU: the recorded list of `inidoneos`, and documented records for the rest.

use super::api::{Envelope, json, other};
use super::case::{Case, Sample, Trouble, documented, recorded, with_extra};

/// The firewall's page, with status 200.
const WALL: Trouble = Trouble::Passes(other(
    200,
    "text/html",
    "<html><head><script>challenge()</script></head></html>",
));

pub fn cases() -> Vec<Case> {
    vec![
        acordaos(),
        inidoneos(),
        inabilitados(),
        termos_contratuais(),
        pedidos_congresso(),
    ]
}

fn list(dataset: &'static str, samples: Vec<Sample>, asked: &'static str) -> Case {
    Case {
        dataset,
        samples,
        day_field: None,
        envelope: Envelope::Ords,
        page: 500,
        slice: &[],
        asked,
        vary: "processo",
        empty: json(
            200,
            r#"{"items":[],"hasMore":false,"limit":500,"offset":0,"count":0,"links":[]}"#,
        ),
        trouble: WALL,
        before: None,
    }
}

fn acordaos() -> Case {
    // No response was ever recorded: names from the official list, invented values.
    let records = documented(&[
        r#"{"key":"ACORDAO-COMPLETO-2745491","tipo":"ACÓRDÃO","anoAcordao":"2026",
        "titulo":"ACÓRDÃO 501/2026 ATA 8/2026 - PLENÁRIO","numeroAcordao":"501","numeroAta":"8/2026",
        "colegiado":"Plenário","dataSessao":"04/11/2026","relator":"FULANO DE TAL",
        "situacao":"OFICIALIZADO","sumario":null,"urlArquivo":"https://example.org/a.rtf",
        "urlArquivoPDF":"https://example.org/a.pdf","urlAcordao":"https://example.org/a"}"#,
        r#"{"key":"ACORDAO-COMPLETO-2745490","tipo":"ACÓRDÃO DE RELAÇÃO","anoAcordao":"2026",
        "titulo":"ACÓRDÃO 500/2026 ATA 8/2026 - PLENÁRIO","numeroAcordao":"500","colegiado":"Plenário",
        "dataSessao":"04/11/2026","relator":"FULANO DE TAL","situacao":"OFICIALIZADO",
        "urlArquivoPdf":"https://example.org/b.pdf"}"#,
    ]);
    let mut samples = records.known_by(&["key"]);
    let spelt_otherwise = with_extra(samples.split_off(1), &["urlArquivoPdf"]);
    Case {
        envelope: Envelope::BareByOffset,
        vary: "key",
        empty: json(200, "[]"),
        ..list(
            "tcu.acordaos",
            [samples, spelt_otherwise].concat(),
            "/api/acordao/recupera-acordaos?inicio=0&quantidade=500",
        )
    }
}

fn inidoneos() -> Case {
    let records = recorded("tcu/inidoneos_completo.records.json", "");
    list(
        "tcu.inidoneos",
        records.known_by(&["cpf_cnpj", "processo", "deliberacao"]),
        "/ords/condenacao/consulta/inidoneos?offset=0&limit=500",
    )
}

fn inabilitados() -> Case {
    // Derived from `inidoneos`, which has the same shape, because real records are of natural persons and
    // aren't kept here.
    let records = recorded("tcu/inidoneos_filtro_q.envelope.json", "/items");
    let records = records.brought_up_to_date(&[
        (
            "\"cpf_cnpj\":\"30.139.983/0001-02\"",
            "\"cpf\":\"000.000.000-00\"",
        ),
        ("ADRIANY R RODRIGUES", "FULANO DE TAL"),
    ]);
    list(
        "tcu.inabilitados",
        records.known_by(&["cpf", "processo", "deliberacao"]),
        "/ords/condenacao/consulta/inabilitados?offset=0&limit=500",
    )
}

fn termos_contratuais() -> Case {
    // Names reported by clients of the service, invented values.
    let records = documented(&[
        r#"{"codigoTipoContratacao":9,"tipoContratacao":"CONTRATO","numero":3,
        "ano":2025,"unidadeGestora":"SEC-RJ","codUnidadeGestora":199180,"nomeFornecedor":"EMPRESA",
        "cnpjFornecedor":"00000000000191","objeto":"Serviço","valorInicial":5271.82,
        "dataAssinatura":"2025-10-20T00:00:00-0300","dataInicioVigencia":"2025-10-28T00:00:00-0300",
        "dataTerminoVigencia":"2025-12-31T00:00:00-0300","dataPublicacao":"2025-10-29T00:00:00-0300",
        "numeroProcesso":"017.866/2025-1","modalidadeLicitacao":"DISPENSA DE LICITACAO",
        "numeroAditamentos":0,"valorAtualizado":5271.82,
        "dataTerminoVigenciaSegundoAditamentos":"2025-12-31T00:00:00-0300","codigo":32783,
        "codigoModalidadeLicitacao":48,
        "unidadesFiscalizadoras":[{"codigo":300046,"sigla":"SEC-RJ","nome":"Secretaria"}]}"#,
    ]);
    Case {
        envelope: Envelope::Bare,
        vary: "codigo",
        empty: json(200, "[]"),
        ..list(
            "tcu.termos_contratuais",
            records.known_by(&["codigo"]),
            "/contrata2RS/api/publico/termos-contratuais",
        )
    }
}

fn pedidos_congresso() -> Case {
    // Names reported by clients of the service, invented values.
    let records = documented(&[
        r#"{"tipo":"REQ","numero":4,"data_aprovacao":"2026-02-19T03:00:00Z",
        "assunto":"Nos termos do art. 71","autor":null,"processo_scn":"004.808/2026-6",
        "link_proposicao":"https://example.org/1","xml_proposicao":"https://example.org/1.xml"}"#,
    ]);
    Case {
        envelope: Envelope::OldOrds,
        page: 25,
        vary: "numero",
        empty: json(
            200,
            r#"{"items":[],"first":{"$ref":"http://contas.tcu.gov.br/"}}"#,
        ),
        ..list(
            "tcu.pedidos_congresso",
            records.known_by(&["processo_scn", "tipo", "numero"]),
            "/ords/api/publica/scn/pedidos_congresso?page=0",
        )
    }
}
