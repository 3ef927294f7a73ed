//! The body of a response that can end before its announced length.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};

use super::answer::Answer;

/// Deliberate abnormal end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Abort {
    /// Closed after the bytes already written have arrived.
    #[error("the connection is closed in the middle, on purpose")]
    Close,
    /// Reset with an RST.
    #[error("the connection is reset, on purpose")]
    Reset,
}

/// The part of a body that is sent.
#[derive(Debug)]
pub(super) struct SentBody {
    rest: Option<Bytes>,
    end: End,
}

#[derive(Debug)]
enum End {
    Whole,
    /// Yields once, so that the buffered bytes are flushed first.
    CutSoon,
    Cut,
}

impl SentBody {
    /// Returns the part of the response's body that is to be sent.
    pub(super) fn of(answer: &Answer) -> Self {
        let (rest, end) = match answer.cut_at {
            None => (answer.body.clone(), End::Whole),
            Some(sent) => (
                answer.body.slice(..sent.min(answer.body.len())),
                End::CutSoon,
            ),
        };
        Self {
            rest: Some(rest).filter(|rest| !rest.is_empty()),
            end,
        }
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = Abort;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Abort>>> {
        if let Some(rest) = self.rest.take() {
            return Poll::Ready(Some(Ok(Frame::data(rest))));
        }
        match self.end {
            End::Whole => Poll::Ready(None),
            End::CutSoon => {
                self.end = End::Cut;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            End::Cut => Poll::Ready(Some(Err(Abort::Close))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none() && matches!(self.end, End::Whole)
    }
}
