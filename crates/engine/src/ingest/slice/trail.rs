//! Detects a cycle in a walk that follows cursors from page to page, in the memory of one cursor (R. P.
//! Brent, 1980): the cursor of page 1, 2, 4, 8 … is kept, and a later cursor that equals it closes the
//! cycle. A cycle is detected within three times the number of pages that lead to it and are in it.

/// Cycle detector for cursors.
#[derive(Debug, Default)]
pub struct Trail {
    kept: Option<Box<str>>,
    /// Number of cursors since the kept one.
    since: u64,
    /// Number of cursors after which the next one is kept.
    stride: u64,
}

impl Trail {
    /// Takes in the cursor of the next page. Returns the number of pages in the cycle if the cursor closes
    /// one.
    pub fn returns(&mut self, next: &str) -> Option<u64> {
        self.since += 1;
        if self.kept.as_deref() == Some(next) {
            return Some(self.since);
        }
        if self.kept.is_none() || self.since >= self.stride {
            self.stride = (self.stride * 2).max(1);
            self.since = 0;
            self.kept = Some(next.into());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number of cursors after which a walk is stopped that has `lead` pages before a cycle of `circle`
    /// pages, and the detected length of the cycle.
    fn stopped(lead: u64, circle: u64) -> (u64, u64) {
        let mut trail = Trail::default();
        for step in 0.. {
            let cursor = if step < lead {
                step
            } else {
                lead + (step - lead) % circle
            };
            if let Some(found) = trail.returns(&cursor.to_string()) {
                return (step + 1, found);
            }
        }
        unreachable!("a circle without end")
    }

    #[test]
    fn every_circle_is_found_soon_and_measured_right() {
        for lead in 0..70 {
            for circle in 1..70 {
                let (steps, found) = stopped(lead, circle);
                assert_eq!(found, circle, "{lead} + {circle}");
                assert!(
                    steps <= 3 * (lead + circle) + 1,
                    "{lead} + {circle}: {steps}"
                );
            }
        }
    }

    #[test]
    fn a_straight_way_is_none() {
        let mut trail = Trail::default();
        assert!((0..10_000).all(|step| trail.returns(&step.to_string()).is_none()));
    }
}
