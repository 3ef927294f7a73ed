//! Mistakes in `bronzed.toml`.

use super::{BRONZED, each_is_told};

#[test]
fn lake_commit_and_telemetry() {
    each_is_told(
        BRONZED,
        &[
            ("\"./data\"", "¶\"\"", "`lake.url` is empty", "\"./data\""),
            (
                "\"./data\"",
                "¶\"ftp://host/lake\"",
                "`lake.url` begins with `ftp://`, which is no lake known here",
                "s3://",
            ),
            (
                "\"./data\"",
                "¶\"s3://me:pw@bucket\"",
                "`lake.url` has credentials in it",
                "[lake.options]",
            ),
            (
                "\"./data\"",
                "¶\"s3://[bucket\"",
                "`lake.url` is not a URL: invalid IPv6 address",
                "s3://bucket/path",
            ),
            (
                "[lake]\n",
                "[lake]\n¶uri = 1\n",
                "unknown key `uri` in `lake`",
                "did you mean `url`?",
            ),
            (
                "\"128MB\"",
                "¶\"128\u{a0}M\"",
                "`commit.max_bytes = \"128\u{a0}M\"` is not a size",
                "\"64MB\"",
            ),
            ("8_000", "¶0", "`commit.max_records` is 0", "at least 1"),
            (
                "log = \"info\"",
                "¶log = \"bronzed=loud\"",
                "`telemetry.log = \"bronzed=loud\"` is not a filter of logs: error parsing level filter: expected one of \"off\", \"error\", \"warn\", \"info\", \"debug\", \"trace\", or a number 0-5",
                "\"info\"",
            ),
            (
                "\"auto\"",
                "¶\"xml\"",
                "`telemetry.format` is `xml`",
                "write `auto`, `json` or `pretty`",
            ),
            (
                "\"127.0.0.1:8080\"",
                "¶\"localhost:8080\"",
                "`server.listen = \"localhost:8080\"` is not an address with a port",
                "\"127.0.0.1:8080\"",
            ),
            (
                "runs = 4",
                "¶runs = 0",
                "`limits.runs` is 0",
                "from 1 to 65535",
            ),
            (
                "connections = 256",
                "¶connections = 0",
                "`server.limits.connections` is 0",
                "from 1 to 65535",
            ),
            (
                "header_timeout = \"10s\"",
                "¶header_timeout = \"0s\"",
                "`server.limits.header_timeout` is no time at all",
                "greater than zero",
            ),
            (
                "\"25s\"",
                "¶\"25\"",
                "`shutdown.grace = \"25\"` is not a duration",
                "\"30s\"",
            ),
            (
                "[commit]",
                "¶[committ]",
                "unknown key `committ` at the top",
                "did you mean `commit`?",
            ),
        ],
    );
}

#[test]
fn secrets_written_down() {
    each_is_told(
        BRONZED,
        &[
            (
                "public_reads = false\n",
                "public_reads = false\n¶token = \"hunter2\"\n",
                "`server.token` has a secret written down",
                "token = { env = \"NAME\" }",
            ),
            (
                "public_reads = false\n",
                "public_reads = false\n¶token = { file = \"token\" }\n",
                "`server.token.file` names the file DIR/token, which isn't there",
                "a file that has the secret",
            ),
            (
                "[lake.options]\n",
                "[lake.options]\n¶aws_secret_access_key = \"hunter2\"\n",
                "`lake.options.aws_secret_access_key` has a secret written down",
                "{ env = \"NAME\" }",
            ),
            (
                "[lake.options]\n",
                "[lake.options]\n¶aws_secret_access_key = { env = \"NOT_SET\" }\n",
                "`lake.options.aws_secret_access_key.env` names the variable `NOT_SET`, which isn't set",
                "set `NOT_SET`",
            ),
            (
                "[lake.options]\n",
                "[lake.options]\n¶aws_secret_access_key = { file = \"key\" }\n",
                "`lake.options.aws_secret_access_key.file` names the file DIR/key, which isn't there",
                "write the path",
            ),
            (
                "[lake.options]\n",
                "[lake.options]\n¶aws_secret_access_key = {}\n",
                "neither `lake.options.aws_secret_access_key.env` nor `lake.options.aws_secret_access_key.file` is there",
                "name the variable",
            ),
            (
                "[lake.options]\n",
                "[lake.options]\n¶aws_secret_access_key = { env = \"SET\", file = \"key\" }\n",
                "`lake.options.aws_secret_access_key.env` and `lake.options.aws_secret_access_key.file` both name a secret",
                "keep one",
            ),
            (
                "[lake.options]\n",
                "[lake.options]\n¶aws_secret_access_key = { env = \"SET\", value = \"x\" }\n",
                "unknown key `value` in `lake.options.aws_secret_access_key`",
                "known here: env, file",
            ),
            (
                "[lake.options]\n",
                "[lake.options]\n¶aws_allow_invalid_certificates = \"true\"\n",
                "`lake.options.aws_allow_invalid_certificates` would leave the lake's credentials to whoever answers",
                "SSL_CERT_FILE",
            ),
            (
                "\"./data\"",
                "¶\"s3:/bucket\"",
                "`lake.url = \"s3:/bucket\"` is neither a folder nor a URL",
                "write \"s3://…\"",
            ),
            (
                "[lake.options]\n",
                "[lake.options]\n¶aws_allow_http = true\n",
                "`lake.options.aws_allow_http` is a boolean",
                "a text, { env",
            ),
        ],
    );
}
