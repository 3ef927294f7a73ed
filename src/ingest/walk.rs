//! One walk over the pages of a slice, faithful to what the API states.
//!
//! A short or an empty page never ends a walk that has a total or a `hasMore`: an empty page in
//! the middle is a failure, tried again. Only where the API's own first page says that the end has
//! moved is a page beyond it no longer missed.

use futures::StreamExt;
use tokio::sync::{mpsc, oneshot};

use crate::ingest::intake::Delivery;
use crate::ingest::place::Place;
use crate::ingest::progress::Progress;
use crate::ingest::proof::Walk;
use crate::ingest::slice::SliceReader;
use crate::ingest::trail::Trail;
use crate::mutation::mutated;
use crate::record::RecordId;
use crate::source::declaration::{PagingStyle, Slice};
use crate::source::page::Page;
use crate::source::{Answer, FetchError};

/// How often a walk follows an end that moves away while it reads.
const EXTENSIONS: u32 = 3;

/// Why a walk ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// A request failed for good.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What the API says contradicts itself, and went on to.
    #[error("{0}")]
    Contradiction(String),
    /// Nobody takes deliveries any more: the run has failed elsewhere.
    #[error("stopped: the run failed while committing")]
    Stopped,
}

impl WalkError {
    /// Whether other pages of the slice are worth asking for.
    fn is_of_one_page(&self) -> bool {
        match self {
            Self::Contradiction(_) => true,
            Self::Fetch(error) => matches!(
                error,
                FetchError::GaveUp { .. }
                    | FetchError::Refused { .. }
                    | FetchError::TooLarge { .. }
            ),
            Self::Stopped => false,
        }
    }
}

/// A slice on its way: where its pages go.
pub struct SliceWalk<'a> {
    pub reader: &'a SliceReader<'a>,
    pub slice: &'a Slice,
    pub sender: &'a mpsc::Sender<Delivery>,
}

impl SliceWalk<'_> {
    /// Reads every page. Pages that were read are delivered even where another one failed.
    pub async fn full(&self) -> Result<Walk, WalkError> {
        match self.first().await? {
            (walk, None) => Ok(walk),
            (walk, Some(first)) => self.rest(walk, first).await,
        }
    }

    /// The first page: what it states decides how to go on. `None`: there is nothing to read.
    pub async fn first(&self) -> Result<(Walk, Option<Page>), WalkError> {
        let mut walk = Walk::default();
        let answer = self.fetch_consistent(&Place::default()).await?;
        match answer {
            Some(Answer::Page(page)) if !page.is_empty() || self.leads_on(&page) => {
                walk.note_date(page.date);
                walk.first_total = page.total;
                walk.note_end(&page);
                Ok((walk, Some(page)))
            }
            Some(Answer::Page(Page { date, .. }) | Answer::Empty { date }) => {
                walk.note_date(date);
                walk.empty = true;
                Ok((walk, None))
            }
            None => Err(WalkError::Contradiction(
                "the first page is beyond the last".to_owned(),
            )),
        }
    }

    /// Every page after `first`.
    pub async fn rest(&self, walk: Walk, first: Page) -> Result<Walk, WalkError> {
        match self.pages(&first)? {
            Some(pages) => self.counted(walk, first, pages).await,
            None => self.until_the_end(walk, first).await,
        }
    }

    /// How many pages the slice has, as `page` states.
    pub fn pages(&self, page: &Page) -> Result<Option<u64>, WalkError> {
        let paginator = &self.reader.order.dataset.paginator;
        if paginator.style == PagingStyle::Single {
            return Ok(Some(1));
        }
        paginator
            .pages(page.total, page.total_pages)
            .map_err(|error| WalkError::Contradiction(error.to_string()))
    }

    /// A known number of pages: those in the middle at once, the last one after all others, so
    /// that its total is the total at the end of the walk.
    async fn counted(&self, mut walk: Walk, first: Page, pages: u64) -> Result<Walk, WalkError> {
        self.announce(pages);
        self.deliver(&mut walk, first).await?;
        let (mut next, mut pages) = (1, pages);
        for _ in 0..=EXTENSIONS {
            if next >= pages {
                break;
            }
            #[cfg(test)]
            if mutated!(LastPageFirst) {
                self.last(&mut walk, pages - 1).await?;
                self.pages_at_once(&mut walk, next..pages - 1).await?;
                break;
            }
            let failure = match self.pages_at_once(&mut walk, next..pages - 1).await {
                Err(error) if !error.is_of_one_page() => return Err(error),
                // A page in the middle that fails doesn't cost the last one.
                middle => middle.err(),
            };
            let last = self.last(&mut walk, pages - 1).await;
            if let Some(error) = failure
                && !mutated!(FailedPageIsSkipped)
            {
                return Err(error);
            }
            let now = last?;
            // The last page may have filled up since: a longer slice is read on from there.
            next = pages - u64::from(!mutated!(LastPageIsKnown));
            if now <= pages {
                break;
            }
            self.announce(now - next);
            pages = now;
        }
        Ok(walk)
    }

    /// The last page; says how many there are now.
    async fn last(&self, walk: &mut Walk, index: u64) -> Result<u64, WalkError> {
        let Some(page) = self.fetch_page(index).await? else {
            walk.shrunk = true;
            return Ok(index);
        };
        walk.note_end(&page);
        let now = self.pages(&page)?.unwrap_or(index + 1);
        self.deliver(walk, page).await?;
        Ok(now)
    }

    /// Pages in any order, as many under way as the limits allow; says how many of their records
    /// were new. One page that fails doesn't cost the others.
    pub async fn pages_at_once(
        &self,
        walk: &mut Walk,
        range: std::ops::Range<u64>,
    ) -> Result<u64, WalkError> {
        // Handed over in the same breath: a fetch that nothing drives while another page waits for
        // the intake would keep its place at the gate, and all who queue behind it, other runs too.
        let mut reads = futures::stream::iter(range)
            .map(|index| async move {
                match self.fetch_page(index).await? {
                    Some(page) => self.hand_over(page).await.map(Some),
                    None => Ok(None),
                }
            })
            .buffer_unordered(self.reader.context.concurrency.max(1));
        let mut failure = None;
        let mut replies = Vec::new();
        while let Some(read) = reads.next().await {
            match read {
                Ok(Some((part, reply))) => {
                    walk.add(part);
                    replies.push(reply);
                }
                Ok(None) => walk.shrunk = true,
                Err(error) if error.is_of_one_page() => failure = failure.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
        let mut new = 0;
        for reply in replies {
            new += reply.await.map_err(|_| WalkError::Stopped)?;
        }
        Ok(new)
    }

    /// Without a number of pages: one after another, until the API says that no more follow.
    async fn until_the_end(&self, mut walk: Walk, first: Page) -> Result<Walk, WalkError> {
        let max_pages = self.reader.order.dataset.paginator.max_pages;
        let (mut page, mut place) = (first, Place::default());
        let mut trail = Trail::default();
        loop {
            walk.note_end(&page);
            let more = self.follows(&page);
            let next = page.next.clone();
            self.announce(1);
            self.deliver(&mut walk, page).await?;
            if more == Some(false) {
                return Ok(walk);
            }
            if let Some(since) = next.as_deref().and_then(|next| trail.returns(next)) {
                let page = place.index + 1;
                return Err(WalkError::Contradiction(match since {
                    1 => format!("page {page} says that it is itself the next one"),
                    since => {
                        format!("page {page} leads back to where the walk was {since} pages ago")
                    }
                }));
            }
            place = Place {
                index: place.index + 1,
                next,
            };
            if place.index >= max_pages {
                return Err(WalkError::Contradiction(format!(
                    "no end after {max_pages} pages; raise paginator.max_pages if that is right"
                )));
            }
            let found = if more == Some(true) {
                match self.fetch_consistent(&place).await? {
                    Some(Answer::Page(page)) => Some(page),
                    Some(Answer::Empty { .. }) | None => None,
                }
            } else {
                match self.fetch(&place).await? {
                    Answer::Page(page) if !page.is_empty() => Some(page),
                    Answer::Page(_) | Answer::Empty { .. } => None,
                }
            };
            match found {
                Some(found) => page = found,
                None => return Ok(walk),
            }
        }
    }

    /// Whether more pages follow, as far as the page says. A page that isn't full is the last where
    /// the declaration says so; else only an empty one shows the end.
    fn follows(&self, page: &Page) -> Option<bool> {
        let paginator = &self.reader.order.dataset.paginator;
        let short = paginator.stop_on_short_page && (page.len() as u64) < paginator.page_size;
        page.has_more.or(short.then_some(false))
    }

    /// Whether the page itself says how to ask for the next one: then it may be empty.
    pub(super) fn leads_on(&self, page: &Page) -> bool {
        let style = &self.reader.order.dataset.paginator.style;
        let by_page = matches!(style, PagingStyle::Cursor { .. } | PagingStyle::NextLink);
        by_page && page.next.is_some()
    }

    /// Hands a page to the intake; the answer is how many of its records were new.
    pub async fn deliver(
        &self,
        walk: &mut Walk,
        page: Page,
    ) -> Result<oneshot::Receiver<u64>, WalkError> {
        let (part, answer) = self.hand_over(page).await?;
        walk.add(part);
        Ok(answer)
    }

    /// Hands a page to the intake, and says what it adds to the walk.
    async fn hand_over(&self, page: Page) -> Result<(Walk, oneshot::Receiver<u64>), WalkError> {
        let dataset = &self.reader.order.dataset;
        let ids: Vec<_> = page
            .records()
            .map(|record| match &self.slice.parent {
                Some(parent) => RecordId::of_child(dataset, parent, record),
                None => RecordId::of(dataset, record),
            })
            .collect();
        let mut part = Walk::default();
        part.note_date(page.date);
        part.count(&ids);
        let (reply, answer) = oneshot::channel();
        let delivery = Delivery {
            slice: self.slice.label.clone(),
            parent: self.slice.parent.clone(),
            page,
            ids,
            reply,
        };
        let sent = self.sender.send(delivery).await;
        sent.map_err(|_| WalkError::Stopped)?;
        Ok((part, answer))
    }

    fn announce(&self, more: u64) {
        let observer = &self.reader.context.observer;
        observer.notice(Progress::Pages { more });
    }
}
