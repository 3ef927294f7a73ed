//! What can be wrong with a lake, told apart by what helps.

use std::error::Error;
use std::io;

use object_store::client::{HttpError, HttpErrorKind};

use crate::secrets::hide;

/// Why the lake didn't do what it was asked.
///
/// No text of it has a secret inside: the stores' own messages name keys of objects, and codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LakeError {
    /// The address isn't one that a lake can have.
    #[error(
        "`{url}` isn't the address of a lake: {problem}; \
         write a folder, `file:///…`, `s3://bucket/path`, `gs://…`, `az://…` or `memory:///`"
    )]
    Address {
        /// As it was given, without what may be secret in it.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An option that the store of this address doesn't have.
    #[error(
        "the lake {lake} has no option `{name}`: options are named as object_store names them, \
             such as `aws_endpoint`"
    )]
    UnknownOption {
        /// The lake.
        lake: String,
        /// The option's name.
        name: String,
    },
    /// The environment says that any certificate will do.
    #[error(
        "the lake {lake} is to be used whatever certificate it has: leave `…_ALLOW_INVALID_CERTIFICATES` \
         out, and name a file with the certificates to trust in SSL_CERT_FILE"
    )]
    Unverified {
        /// The lake.
        lake: String,
    },
    /// A folder that can't be created, or that the system lets nobody, or this user, use.
    #[error(
        "the lake folder {lake} can't be read and written: {detail}; \
         let this user do so and make sure that there is room, or name another folder"
    )]
    NotWritable {
        /// The lake.
        lake: String,
        /// What the system says.
        detail: String,
    },
    /// The store doesn't accept the credentials, or they don't allow this.
    #[error(
        "the lake {lake} refuses access: {detail}; check the credentials \
         (AWS_…, GOOGLE_…, AZURE_…, or the lake's options) and that they allow to read, write and list"
    )]
    Denied {
        /// The lake.
        lake: String,
        /// What the store says.
        detail: String,
    },
    /// The bucket or container doesn't exist.
    #[error("the bucket of the lake {lake} doesn't exist: create it, or mend the lake's address")]
    BucketMissing {
        /// The lake.
        lake: String,
    },
    /// There is no lake at the address, and who asks creates none.
    #[error(
        "there is no lake at {lake}: nothing is there. Mend `lake.url`, or mount what should be there; \
         a new lake is created by the first command that writes, such as `bronzed run`"
    )]
    Absent {
        /// The lake.
        lake: String,
    },
    /// Another lake is at the address than the one that was met there, or none any more.
    #[error(
        "the lake at {lake} isn't the one that was there when this process began: it was moved away, \
         isn't mounted, or is another one. Bring it back, or start the process anew"
    )]
    Another {
        /// The lake.
        lake: String,
    },
    /// Nobody answers at the lake's address, or not in time.
    #[error(
        "the lake {lake} can't be reached: {detail}; \
         check the endpoint's host and port, and the network"
    )]
    Unreachable {
        /// The lake.
        lake: String,
        /// What the network says.
        detail: String,
    },
    /// The store doesn't keep the promises that the commit protocol rests on.
    #[error(
        "the lake {lake} doesn't honour conditional writes ({detail}), and without them records \
         would be lost or stored twice: use a store that has If-Match and If-None-Match \
         (S3, GCS, Azure, MinIO, SeaweedFS), or a folder"
    )]
    NoConditionalWrites {
        /// The lake.
        lake: String,
        /// What it did instead.
        detail: String,
    },
    /// Anything else.
    #[error("{action} `{key}` failed on the lake {lake}: {detail}")]
    Failed {
        /// The lake.
        lake: String,
        /// What was being done.
        action: &'static str,
        /// With which object or folder.
        key: String,
        /// What the store says.
        detail: String,
    },
}

impl LakeError {
    /// Whether a write that ended so may have happened all the same, or may yet happen; if not,
    /// trying again doesn't help either.
    pub fn outcome_unknown(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Failed { .. })
    }
}

/// What was being done.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    /// Getting an object, or looking whether it is there.
    Read,
    /// Putting an object.
    Write,
    /// Listing objects.
    List,
}

/// Whether "not found" means the whole bucket. Stores say so in the body of their answer only.
pub(super) fn bucket_is_missing(error: &object_store::Error) -> bool {
    let text = error.to_string();
    text.contains("NoSuchBucket") || text.contains("ContainerNotFound")
}

/// Of a LIST, object_store doesn't tell a refusal from other failures.
fn access_is_refused(error: &object_store::Error) -> bool {
    let text = error.to_string();
    ["status code: 401", "status code: 403"]
        .iter()
        .any(|status| text.contains(status))
}

/// Tells by the store's error which decision it asks for.
pub(super) fn classify(
    lake: &str,
    action: Action,
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
        return LakeError::NotWritable { lake, detail };
    }
    LakeError::Failed {
        lake,
        action: match action {
            Action::Read => "reading",
            Action::Write => "writing",
            Action::List => "listing",
        },
        key: key.to_owned(),
        detail,
    }
}

/// The folder's own errors, before there is a store.
pub(super) fn not_writable(lake: &str, error: &io::Error) -> LakeError {
    LakeError::NotWritable {
        lake: lake.to_owned(),
        detail: error.to_string(),
    }
}

/// Without credentials, object_store asks the addresses at which clouds hand out a machine's role.
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
    use io::ErrorKind::{
        NotADirectory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
    };
    let refusals = [
        NotADirectory,
        PermissionDenied,
        QuotaExceeded,
        ReadOnlyFilesystem,
        StorageFull,
    ];
    chain(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|io| refusals.contains(&io.kind()))
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause| cause.source())
}

/// The innermost cause in one line. Of an XML answer, only its code and message: it may quote
/// what was signed.
fn brief(error: &object_store::Error) -> String {
    let text = chain(error)
        .last()
        .map_or_else(String::new, ToString::to_string);
    let text = hide(&text);
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
