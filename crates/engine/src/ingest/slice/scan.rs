//! One walk over the pages of a slice, checked against what the API states.
//!
//! A short or an empty page never ends a walk that has a total or a `hasMore`: an empty page in the middle
//! is a failure and is retried. A page is no longer expected only if the API's own first page states that
//! the end has moved before that page.

use std::sync::Arc;

use futures::StreamExt;
use tokio::sync::{mpsc, oneshot};

use crate::ingest::intake::Delivery;
use crate::ingest::progress::Progress;
use crate::ingest::slice::ReadContext;
use crate::ingest::slice::fetcher::{PageCursor, PageFetcher, WalkError};
use crate::ingest::slice::proof::WalkRecord;
use crate::ingest::slice::trail::Trail;
use bronzed_model::declaration::{Dataset, Slice};
use bronzed_model::record::RecordId;
use bronzed_source::Answer;
use bronzed_source::page::Page;

/// Number of times that a walk follows an end that moves away while it reads.
const EXTENSIONS: u32 = 3;
/// Number of consecutive pages with repeated rows only that end a walk, because it makes no progress.
const MOST_STALE: u32 = 3;
/// Number of consecutive pages without rows that end a walk, although each says that more follow.
const MOST_IDLE: u32 = 100;

/// Scan of one slice: the fetcher of its pages, and the channel to the intake.
pub struct SliceScan<'a> {
    fetcher: PageFetcher<'a>,
    sender: &'a mpsc::Sender<Delivery>,
}

/// Information about the pages after the first one.
pub struct Ahead {
    /// Index of the first page that wasn't read yet.
    pub next: u64,
    /// Number of pages, including the first; `None` if the API doesn't state it.
    pub pages: Option<u64>,
    /// Number of new records on the pages after the first that were read already.
    pub new: u64,
}

impl<'a> SliceScan<'a> {
    pub fn new(
        read: ReadContext<'a>,
        slice: &'a Slice,
        sender: &'a mpsc::Sender<Delivery>,
    ) -> Self {
        let fetcher = PageFetcher::new(read, slice);
        Self { fetcher, sender }
    }
}

impl SliceScan<'_> {
    /// Returns the dataset with the page size in use.
    pub fn dataset(&self) -> &Arc<Dataset> {
        self.fetcher.dataset()
    }

    /// Reads every page; `confirms` is `true` if the walk confirms an earlier one. Pages that were read are
    /// delivered even if another one failed.
    pub async fn full(&self, confirms: bool) -> Result<WalkRecord, WalkError> {
        let (mut walk, first) = self.first().await?;
        walk.confirms = confirms;
        match first {
            None => Ok(walk),
            Some(first) => self.rest(walk, first).await,
        }
    }

    /// Fetches the first page, whose statements decide how to go on. The page is `None` if there is nothing
    /// to read.
    pub async fn first(&self) -> Result<(WalkRecord, Option<Page>), WalkError> {
        let mut walk = WalkRecord::default();
        let answer = self
            .fetcher
            .fetch_consistent(&PageCursor::default())
            .await?;
        match answer {
            Some(Answer::Page(page)) if !page.is_empty() || self.fetcher.leads_on(&page) => {
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

    /// Delivers `first`, and reads every page after it.
    pub async fn rest(&self, mut walk: WalkRecord, first: Page) -> Result<WalkRecord, WalkError> {
        let ahead = self.ahead(&mut walk, &first).await?;
        match ahead.pages {
            Some(pages) => self.counted(walk, first, ahead.next, pages).await,
            None => self.until_the_end(walk, first).await,
        }
    }

    /// Finds out how many pages follow `first`. If `first` has fewer rows than requested although the total
    /// is higher, reads the second page to see whether the server uses a smaller page size, and adopts that
    /// size.
    pub async fn ahead(&self, walk: &mut WalkRecord, first: &Page) -> Result<Ahead, WalkError> {
        let mut ahead = Ahead {
            next: 1,
            pages: self.fetcher.pages(first)?,
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
        let second = match self.fetcher.fetch_as(&sized, &PageCursor::nth(1)).await {
            Ok(Answer::Page(page)) if !page.is_empty() => page,
            Ok(_) => return Ok(ahead),
            Err(error) if error.is_of_one_page() => return Ok(ahead),
            Err(error) => return Err(error),
        };
        if second.len() as u64 == rows.min(total.saturating_sub(step)) {
            let declared = self.dataset().paginator.page_size;
            tracing::warn!(
                slice = &*self.fetcher.slice.label,
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
            self.fetcher.resize(sized);
        }
        let reply = self.deliver(walk, second).await?;
        ahead.new = reply.await.map_err(|_| WalkError::Stopped)?;
        Ok(ahead)
    }

    /// Returns `true` if a first page has fewer rows than requested although the total is higher.
    fn is_short(&self, first: &Page) -> bool {
        let (dataset, rows) = (self.dataset(), first.len() as u64);
        let paginator = &dataset.paginator;
        paginator.counts()
            && dataset.explode.is_none()
            && (1..paginator.page_size).contains(&rows)
            && first.total.is_some_and(|total| total > rows)
    }

    /// Records `page` as the last page so far; the total may be stated on the first page only.
    fn note_end(&self, walk: &mut WalkRecord, page: &Page) {
        walk.note_end(page);
        if page.total.is_none() && self.dataset().paginator.totals_on_first_page_only {
            walk.last_total = walk.first_total;
        }
    }

    /// Returns an error if the walk makes no progress: an API that ignores the page parameter returns the
    /// same pages again and again.
    fn gets_on(&self, walk: &WalkRecord) -> Result<(), WalkError> {
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

    /// Walks a known number of pages: those in the middle concurrently, and the last one after all others,
    /// so that its total is the total at the end of the walk.
    async fn counted(
        &self,
        mut walk: WalkRecord,
        first: Page,
        mut next: u64,
        mut pages: u64,
    ) -> Result<WalkRecord, WalkError> {
        self.announce(pages);
        self.deliver(&mut walk, first).await?;
        for _ in 0..=EXTENSIONS {
            if next >= pages {
                break;
            }
            let failure = match self.pages_at_once(&mut walk, next..pages - 1).await {
                Err(error) if !error.is_of_one_page() => return Err(error),
                // The last page is read even if a page in the middle failed.
                middle => middle.err(),
            };
            let last = self.last(&mut walk, pages - 1).await;
            if let Some(error) = failure {
                return Err(error);
            }
            let now = last?;
            // If the slice has grown, reading goes on from the former last page, which may have filled up.
            next = pages - 1;
            if now <= pages {
                break;
            }
            self.announce(now - next);
            pages = now;
        }
        Ok(walk)
    }

    /// Reads the last page; returns the current number of pages.
    async fn last(&self, walk: &mut WalkRecord, index: u64) -> Result<u64, WalkError> {
        let Some(page) = self.fetcher.fetch_page(index).await? else {
            walk.shrunk = true;
            return Ok(index);
        };
        self.note_end(walk, &page);
        let now = self.fetcher.pages(&page)?.unwrap_or(index + 1);
        self.deliver(walk, page).await?;
        Ok(now)
    }

    /// Reads pages concurrently, in any order; returns the number of new records. The other pages are read
    /// even if one fails.
    pub async fn pages_at_once(
        &self,
        walk: &mut WalkRecord,
        range: std::ops::Range<u64>,
    ) -> Result<u64, WalkError> {
        // Each future both fetches its page and hands it over: a fetch that isn't polled while another page
        // waits for the intake would keep its permit, and block all requests queued behind it, those of
        // other runs included.
        let mut reads = futures::stream::iter(range)
            .map(|index| async move {
                match self.fetcher.fetch_page(index).await? {
                    Some(page) => self.hand_over(page).await.map(Some),
                    None => Ok(None),
                }
            })
            .buffer_unordered(self.fetcher.read.context.concurrency.max(1));
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

    /// Walks an unknown number of pages, one after another, until the API says that no more follow.
    async fn until_the_end(
        &self,
        mut walk: WalkRecord,
        first: Page,
    ) -> Result<WalkRecord, WalkError> {
        let paginator = &self.dataset().paginator;
        let (max_pages, by_offset) = (paginator.max_pages, paginator.is_by_offset());
        let (mut page, mut place) = (first, PageCursor::default());
        let (mut trail, mut offset) = (Trail::default(), 0);
        loop {
            self.note_end(&mut walk, &page);
            let more = self.follows(&page, walk.confirms);
            // Advances by the number of rows on the page, which may be fewer than requested.
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
            place = PageCursor {
                index: place.index + 1,
                next,
            };
            if place.index >= max_pages {
                return Err(WalkError::Contradiction(format!(
                    "no end after {max_pages} pages; raise paginator.max_pages if that is right"
                )));
            }
            let found = if more == Some(true) {
                match self.fetcher.fetch_consistent(&place).await? {
                    Some(Answer::Page(page)) => Some(page),
                    Some(Answer::Empty { .. }) | None => None,
                }
            } else {
                match self.fetcher.fetch(&place).await? {
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

    /// Returns whether more pages follow, `None` if the page doesn't show it. A page that isn't full is the
    /// last one if the declaration says so; otherwise, only an empty page shows the end. A walk that
    /// confirms another one also reads beyond a page that isn't full, because the server may use a smaller
    /// page size.
    fn follows(&self, page: &Page, confirms: bool) -> Option<bool> {
        let paginator = &self.dataset().paginator;
        let short = paginator.stop_on_short_page && (page.len() as u64) < paginator.page_size;
        let short = short && !confirms;
        page.has_more.or(short.then_some(false))
    }

    /// Hands a page to the intake; the receiver yields the number of new records.
    pub async fn deliver(
        &self,
        walk: &mut WalkRecord,
        page: Page,
    ) -> Result<oneshot::Receiver<u64>, WalkError> {
        let (part, answer) = self.hand_over(page).await?;
        walk.add(part);
        Ok(answer)
    }

    /// Hands a page to the intake, and returns what the page adds to the walk.
    async fn hand_over(
        &self,
        page: Page,
    ) -> Result<(WalkRecord, oneshot::Receiver<u64>), WalkError> {
        let dataset = &self.fetcher.read.order.dataset;
        let ids: Vec<_> = page
            .values()
            .map(|record| match &self.fetcher.slice.parent {
                Some(parent) => RecordId::of_child_value(dataset, parent, record),
                None => RecordId::of_value(dataset, record),
            })
            .collect();
        let mut part = WalkRecord::default();
        part.note_date(page.date);
        part.count(&ids);
        let (reply, answer) = oneshot::channel();
        let delivery = Delivery {
            slice: self.fetcher.slice.label.clone(),
            parent: self.fetcher.slice.parent.clone(),
            page,
            ids,
            reply,
        };
        let sent = self.sender.send(delivery).await;
        sent.map_err(|_| WalkError::Stopped)?;
        Ok((part, answer))
    }

    fn announce(&self, more: u64) {
        let observer = &self.fetcher.read.context.observer;
        observer.notice(Progress::Pages { more });
    }
}
