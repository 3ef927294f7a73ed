//! Errors of a lake, one variant per remedy.

use std::error::Error;
use std::io;

use object_store::client::{HttpError, HttpErrorKind};

use bronzed_model::redact::redact;

/// Error of a lake operation.
///
/// No message contains a secret: the stores' own messages name object keys and codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LakeError {
    /// The URL isn't a valid lake address.
    #[error(
        "`{url}` isn't the address of a lake: {problem}; \
         write a folder, `file:///…`, `s3://bucket/path`, `gs://…`, `az://…` or `memory:///`"
    )]
    Address {
        /// The URL as given, redacted.
        url: String,
        /// The problem.
        problem: String,
    },
    /// The store of this URL doesn't have the option.
    #[error(
        "the lake {lake} has no option `{name}`: options are named as object_store names them, \
             such as `aws_endpoint`"
    )]
    UnknownOption {
        /// Name of the lake.
        lake: String,
        /// Name of the option.
        name: String,
    },
    /// The environment disables the verification of certificates.
    #[error(
        "the lake {lake} is to be used whatever certificate it has: leave `…_ALLOW_INVALID_CERTIFICATES` \
         out, and name a file with the certificates to trust in SSL_CERT_FILE"
    )]
    Unverified {
        /// The lake.
        lake: String,
    },
    /// The folder can't be created, or permissions or a full disk prevent its use.
    #[error(
        "the lake folder {lake} can't be read and written: {detail}; \
         let this user do so and make sure that there is room, or name another folder"
    )]
    NotWritable {
        /// The lake.
        lake: String,
        /// Message of the system.
        detail: String,
        /// `true` if there is no room, which may come by itself.
        is_full: bool,
    },
    /// The store rejects the credentials, or they lack a permission.
    #[error(
        "the lake {lake} refuses access: {detail}; check the credentials \
         (AWS_…, GOOGLE_…, AZURE_…, or the lake's options) and that they allow to read, write and list"
    )]
    Denied {
        /// The lake.
        lake: String,
        /// Message of the store.
        detail: String,
    },
    /// The bucket or container doesn't exist.
    #[error("the bucket of the lake {lake} doesn't exist: create it, or mend the lake's address")]
    BucketMissing {
        /// The lake.
        lake: String,
    },
    /// There is no lake at the URL, and this caller doesn't create one.
    #[error(
        "there is no lake at {lake}: nothing is there. Mend `lake.url`, or mount what should be there; \
         a new lake is created by the first command that writes, such as `bronzed run`"
    )]
    Absent {
        /// The lake.
        lake: String,
    },
    /// Another lake, or none, is at the URL of a lake that this process has used.
    #[error(
        "the lake at {lake} isn't the one that was there when this process began: it was moved away, \
         isn't mounted, or is another one. Bring it back, or start the process anew"
    )]
    Another {
        /// The lake.
        lake: String,
    },
    /// The lake is a demo's, and this process reads real records; or the other way round.
    #[error("{}", if *.simulated {
        format!(
            "the lake at {lake} is a demo's, and its records are made up: nothing real is stored beside them. Name \
             another one (`lake.url`, `BRONZED__LAKE__URL`)"
        )
    } else {
        format!(
            "the lake at {lake} isn't a demo's: no made-up records are stored beside those that it has. Name another \
             folder, as in `bronzed demo demo-lake`"
        )
    })]
    OtherRecords {
        /// The lake.
        lake: String,
        /// `true` if the lake is a demo's.
        simulated: bool,
    },
    /// The host of the lake's URL can't be reached, or times out.
    #[error(
        "the lake {lake} can't be reached: {detail}; \
         check the endpoint's host and port, and the network"
    )]
    Unreachable {
        /// The lake.
        lake: String,
        /// Message of the network stack.
        detail: String,
    },
    /// The store doesn't honour the conditional writes that the commit protocol needs.
    #[error(
        "the lake {lake} doesn't honour conditional writes ({detail}), and without them records \
         would be lost or stored twice: use a store that has If-Match and If-None-Match \
         (S3, GCS, Azure, MinIO, SeaweedFS), or a folder"
    )]
    NoConditionalWrites {
        /// The lake.
        lake: String,
        /// Observed behaviour.
        detail: String,
    },
    /// Any other error.
    #[error("{action} `{key}` failed on the lake {lake}: {detail}")]
    Failed {
        /// The lake.
        lake: String,
        /// The operation.
        action: &'static str,
        /// Key of the object or folder.
        key: String,
        /// Message of the store.
        detail: String,
    },
}

impl LakeError {
    /// Returns `true` if a failed write may have happened, or may still happen. If `false`, a retry doesn't
    /// help either.
    pub fn outcome_unknown(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Failed { .. })
    }
}

/// Kind of operation.
#[derive(Debug, Clone, Copy)]
pub(super) enum LakeAction {
    /// Getting an object, or checking that it exists.
    Read,
    /// Putting an object.
    Write,
    /// Listing objects.
    List,
}

/// Returns `true` if "not found" means the whole bucket. Stores say so only in the response body.
pub(super) fn bucket_is_missing(error: &object_store::Error) -> bool {
    let text = error.to_string();
    text.contains("NoSuchBucket") || text.contains("ContainerNotFound")
}

/// Returns `true` if access was denied: on LIST, object_store reports that as a generic error.
fn access_is_refused(error: &object_store::Error) -> bool {
    let text = error.to_string();
    ["status code: 401", "status code: 403"]
        .iter()
        .any(|status| text.contains(status))
}

/// Classifies a store's error by the decision that the caller must take.
pub(super) fn classify(
    lake: &str,
    action: LakeAction,
    key: &str,
    error: &object_store::Error,
) -> LakeError {
    use object_store::Error as Store;
    let lake = lake.to_owned();
    let detail = brief(error);
    match error {
        Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => {
            return LakeError::Denied { lake, detail };
        }
        Store::NotFound { .. } => return LakeError::BucketMissing { lake },
        other if bucket_is_missing(other) => return LakeError::BucketMissing { lake },
        Store::NotImplemented { .. } | Store::NotSupported { .. } => {
            return LakeError::NoConditionalWrites { lake, detail };
        }
        _ if access_is_refused(error) => return LakeError::Denied { lake, detail },
        _ => {}
    }
    if asks_for_a_role(error) {
        let detail = "no credentials were given, and this machine has no role".to_owned();
        return LakeError::Denied { lake, detail };
    }
    if network_failed(error) {
        return LakeError::Unreachable { lake, detail };
    }
    if is_refused_by_the_system(error) {
        let is_full = of_the_system(error).any(is_full);
        return LakeError::NotWritable {
            lake,
            detail,
            is_full,
        };
    }
    LakeError::Failed {
        lake,
        action: match action {
            LakeAction::Read => "reading",
            LakeAction::Write => "writing",
            LakeAction::List => "listing",
        },
        key: key.to_owned(),
        detail,
    }
}

/// Error of the folder before there is a store.
pub(super) fn not_writable(lake: &str, error: &io::Error) -> LakeError {
    LakeError::NotWritable {
        lake: lake.to_owned(),
        detail: error.to_string(),
        is_full: is_full(error),
    }
}

/// Returns `true` if the system has refused a write for want of room.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), QuotaExceeded | StorageFull)
}

/// Returns `true` if object_store, lacking credentials, asked a cloud's metadata server for the machine's
/// role.
fn asks_for_a_role(error: &object_store::Error) -> bool {
    let text = error.to_string();
    text.contains("169.254.169.254") || text.contains("metadata.google.internal")
}

fn network_failed(error: &object_store::Error) -> bool {
    chain(error)
        .filter_map(|cause| cause.downcast_ref::<HttpError>())
        .any(|http| matches!(http.kind(), HttpErrorKind::Connect | HttpErrorKind::Timeout))
}

fn is_refused_by_the_system(error: &object_store::Error) -> bool {
    use io::ErrorKind::{NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    let refusals = [NotADirectory, PermissionDenied, ReadOnlyFilesystem];
    of_the_system(error).any(|io| is_full(io) || refusals.contains(&io.kind()))
}

/// Returns the errors of the system among the causes of an error.
fn of_the_system(error: &object_store::Error) -> impl Iterator<Item = &io::Error> {
    chain(error).filter_map(|cause| cause.downcast_ref::<io::Error>())
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause| cause.source())
}

/// Returns the innermost cause in one line. From an XML response only code and message are taken, because it
/// may quote signed data.
fn brief(error: &object_store::Error) -> String {
    let text = chain(error)
        .last()
        .map_or_else(String::new, ToString::to_string);
    let text = redact(&text);
    let told = match (element(&text, "Code"), element(&text, "Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => text.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    match told.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &told[..end]),
        None => told.trim_end_matches(['.', ':', ' ']).to_owned(),
    }
}

fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (content, _) = rest.split_once(&format!("</{name}>"))?;
    Some(content.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A daemon waits for room, and not for a permission that nobody will give.
    #[test]
    fn a_full_lake_is_told_from_one_that_may_not_be_written() {
        let refused = |kind| {
            let source = Box::new(io::Error::new(kind, "refused"));
            let error = object_store::Error::Generic {
                store: "folder",
                source,
            };
            match classify("lake", LakeAction::Write, "key", &error) {
                LakeError::NotWritable { is_full, .. } => is_full,
                other => panic!("{other}"),
            }
        };
        assert!(refused(io::ErrorKind::StorageFull) && refused(io::ErrorKind::QuotaExceeded));
        assert!(!refused(io::ErrorKind::PermissionDenied));
    }
}
