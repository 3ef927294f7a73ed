//! Whether a walk that is led from page to page goes round in a circle, told in the memory of one
//! cursor (R. P. Brent, 1980): the cursor of page 1, 2, 4, 8 … is kept, and one that equals it leads
//! back there. A circle is noticed within three times the pages that lead to it and are in it.

/// Where the walk has been.
#[derive(Debug, Default)]
pub struct Trail {
    kept: Option<Box<str>>,
    /// How many cursors ago the kept one was.
    since: u64,
    /// After how many cursors the next one is kept.
    stride: u64,
}

impl Trail {
    /// Takes the cursor to the next page. If it leads back to where the walk was: how many pages
    /// the circle has.
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

    /// After how many cursors a walk is stopped that goes `lead` pages straight and then round a
    /// circle, and what it is told of the circle.
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
