//! One walk over the pages of a slice, faithful to what the API states.
//!
//! A short or an empty page never ends a walk that has a total or a `hasMore`: an empty page in
//! the middle is a failure, tried again. Only where the API's own first page says that the end has
//! moved is a page beyond it no longer missed.

use std::sync::{Arc, OnceLock};

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
use crate::source::declaration::{Dataset, PagingStyle, Slice};
use crate::source::page::Page;
use crate::source::{Answer, FetchError};

/// How often a walk follows an end that moves away while it reads.
const EXTENSIONS: u32 = 3;
/// So many pages in a row whose rows have all come before end a walk: it gets on no more.
const MOST_STALE: u32 = 3;
/// So many pages in a row without a row end one, though each says that more follow.
const MOST_IDLE: u32 = 100;

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
    /// The dataset with the page size that the server uses, where that isn't the declared one.
    sized: OnceLock<Arc<Dataset>>,
}

/// What is known of the pages after the first one.
pub struct Ahead {
    /// The first of them that wasn't read yet.
    pub next: u64,
    /// How many pages there are, the first one included; `None` where nothing says so.
    pub pages: Option<u64>,
    /// How many records were new on those that were read.
    pub new: u64,
}

impl<'a> SliceWalk<'a> {
    pub fn new(
        reader: &'a SliceReader<'a>,
        slice: &'a Slice,
        sender: &'a mpsc::Sender<Delivery>,
    ) -> Self {
        Self {
            reader,
            slice,
            sender,
            sized: OnceLock::new(),
        }
    }
}

impl SliceWalk<'_> {
    /// The dataset, as it is paged.
    pub fn dataset(&self) -> &Arc<Dataset> {
        self.sized.get().unwrap_or(&self.reader.order.dataset)
    }

    /// Reads every page; `confirms` an earlier walk, or is the first one. Pages that were read are
    /// delivered even where another one failed.
    pub async fn full(&self, confirms: bool) -> Result<Walk, WalkError> {
        let (mut walk, first) = self.first().await?;
        walk.confirms = confirms;
        match first {
            None => Ok(walk),
            Some(first) => self.rest(walk, first).await,
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
                walk.exploded = self.dataset().explode.is_some();
                walk.short = self.is_short(&page).then(|| {
                    let size = self.dataset().paginator.page_size;
                    (page.len() as u64, size)
                });
                self.note_end(&mut walk, &page);
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
    pub async fn rest(&self, mut walk: Walk, first: Page) -> Result<Walk, WalkError> {
        let ahead = self.ahead(&mut walk, &first).await?;
        match ahead.pages {
            Some(pages) => self.counted(walk, first, ahead.next, pages).await,
            None => self.until_the_end(walk, first).await,
        }
    }

    /// What comes after `first`. Where it has fewer rows than were asked for though more are stated,
    /// the second page shows whether the server hands out smaller pages: then their size is taken.
    pub async fn ahead(&self, walk: &mut Walk, first: &Page) -> Result<Ahead, WalkError> {
        let mut ahead = Ahead {
            next: 1,
            pages: self.pages(first)?,
            new: 0,
        };
        let (rows, total) = (first.len() as u64, first.total.unwrap_or_default());
        let sized = self.dataset().paginator.with_size(rows);
        let Some(paginator) = sized.filter(|_| self.is_short(first)) else {
            return Ok(ahead);
        };
        let step = paginator.step();
        let sized = Arc::new(Dataset {
            paginator,
            ..Dataset::clone(self.dataset())
        });
        let second = match self.fetch_as(&sized, &Place::nth(1)).await {
            Ok(Answer::Page(page)) if !page.is_empty() => page,
            Ok(_) => return Ok(ahead),
            Err(error) if error.is_of_one_page() => return Ok(ahead),
            Err(error) => return Err(error),
        };
        if second.len() as u64 == rows.min(total.saturating_sub(step)) {
            let declared = self.dataset().paginator.page_size;
            tracing::warn!(
                slice = &*self.slice.label,
                declared,
                rows,
                "pages are smaller"
            );
            let stated = |total, pages| {
                let pages = sized.paginator.pages(total, pages);
                pages.map_err(|error| WalkError::Contradiction(error.to_string()))
            };
            ahead.pages = stated(first.total, None)?.max(stated(None, second.total_pages)?);
            ahead.next = 2;
            walk.short = None;
            self.note_end(walk, &second);
            let _ = self.sized.set(sized);
        }
        let reply = self.deliver(walk, second).await?;
        ahead.new = reply.await.map_err(|_| WalkError::Stopped)?;
        Ok(ahead)
    }

    /// Whether a first page has fewer rows than were asked for, though more are stated.
    fn is_short(&self, first: &Page) -> bool {
        let (dataset, rows) = (self.dataset(), first.len() as u64);
        let paginator = &dataset.paginator;
        paginator.counts()
            && dataset.explode.is_none()
            && (1..paginator.page_size).contains(&rows)
            && first.total.is_some_and(|total| total > rows)
    }

    /// Takes `page` for the last one so far; the total may stand on the first page alone.
    fn note_end(&self, walk: &mut Walk, page: &Page) {
        walk.note_end(page);
        if page.total.is_none() && self.dataset().paginator.totals_on_first_page_only {
            walk.last_total = walk.first_total;
        }
    }

    /// Whether the walk gets on: the same pages again and again are an API that doesn't heed which one
    /// is asked for.
    fn gets_on(&self, walk: &Walk) -> Result<(), WalkError> {
        let what = match (walk.stale, walk.idle) {
            (stale, _) if stale >= MOST_STALE => {
                "brought no record that hadn't come before: the API doesn't seem to heed which page \
                 is asked for"
            }
            (_, idle) if idle >= MOST_IDLE => "had no record, and each said that more follow",
            _ => return Ok(()),
        };
        let pages = walk.stale.max(walk.idle);
        Err(WalkError::Contradiction(format!(
            "{pages} pages in a row {what}"
        )))
    }

    /// How many pages the slice has, as `page` states.
    pub fn pages(&self, page: &Page) -> Result<Option<u64>, WalkError> {
        let paginator = &self.dataset().paginator;
        if paginator.style == PagingStyle::Single {
            return Ok(Some(1));
        }
        paginator
            .pages(page.total, page.total_pages)
            .map_err(|error| WalkError::Contradiction(error.to_string()))
    }

    /// A known number of pages: those in the middle at once, the last one after all others, so
    /// that its total is the total at the end of the walk.
    async fn counted(
        &self,
        mut walk: Walk,
        first: Page,
        mut next: u64,
        mut pages: u64,
    ) -> Result<Walk, WalkError> {
        self.announce(pages);
        self.deliver(&mut walk, first).await?;
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
        self.note_end(walk, &page);
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
                    self.gets_on(walk)?;
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
        let paginator = &self.dataset().paginator;
        let (max_pages, by_offset) = (paginator.max_pages, paginator.is_by_offset());
        let (mut page, mut place) = (first, Place::default());
        let (mut trail, mut offset) = (Trail::default(), 0);
        loop {
            self.note_end(&mut walk, &page);
            let more = self.follows(&page, walk.confirms);
            // By what the page has, which may be less than was asked for.
            offset += (page.len() as u64)
                .saturating_sub(paginator.overlap())
                .max(1);
            let next = match by_offset {
                true => Some(offset.to_string()),
                false => page.next.clone(),
            };
            self.announce(1);
            self.deliver(&mut walk, page).await?;
            if more == Some(false) {
                return Ok(walk);
            }
            self.gets_on(&walk)?;
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
    /// the declaration says so; else only an empty one shows the end. A walk that confirms another one
    /// looks behind a page that isn't full: the server may hand out smaller ones.
    fn follows(&self, page: &Page, confirms: bool) -> Option<bool> {
        let paginator = &self.dataset().paginator;
        let short = paginator.stop_on_short_page && (page.len() as u64) < paginator.page_size;
        let short = short && !confirms;
        page.has_more.or(short.then_some(false))
    }

    /// Whether the page itself says how to ask for the next one: then it may be empty.
    pub(super) fn leads_on(&self, page: &Page) -> bool {
        let style = &self.dataset().paginator.style;
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
