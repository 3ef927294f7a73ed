//! Fair division of a limit among the processes with demand.

/// Returns the shares of `total`, one for each of `wants` in order of seniority. No share exceeds its demand,
/// and shares differ by at most one unless limited by demand. If there are more processes with demand than
/// slots, they take turns, counted by `turn`.
pub(super) fn fair(total: usize, wants: &[usize], turn: u64) -> Vec<usize> {
    let mut shares = vec![0; wants.len()];
    let wanting: Vec<usize> = (0..wants.len()).filter(|one| wants[*one] > 0).collect();
    if wanting.len() > total {
        let count = wanting.len() as u64;
        let first = usize::try_from(turn % count).unwrap_or(0);
        // Advances by `total`, so that each has its turn before any has a second one.
        for place in 0..total {
            let one = wanting[(first * total + place) % wanting.len()];
            shares[one] = 1;
        }
        return shares;
    }
    let mut left = total;
    while left > 0 {
        let before = left;
        for one in &wanting {
            if left > 0 && shares[*one] < wants[*one] {
                shares[*one] += 1;
                left -= 1;
            }
        }
        if left == before {
            break;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_equal_but_for_seniority_and_want() {
        assert_eq!(fair(3, &[3], 0), [3]);
        assert_eq!(fair(3, &[3, 3], 0), [2, 1]);
        assert_eq!(fair(3, &[3, 3, 3], 9), [1, 1, 1]);
        assert_eq!(fair(6, &[6, 1, 6], 0), [3, 1, 2]);
        assert_eq!(fair(6, &[0, 6], 0), [0, 6]);
        assert_eq!(fair(6, &[1, 2], 0), [1, 2]);
        assert!(fair(6, &[], 0).is_empty());
    }

    #[test]
    fn where_places_are_few_everybody_has_a_turn() {
        for (total, count) in [(1, 2), (1, 3), (2, 3), (2, 4), (3, 5)] {
            let mut turns = vec![0; count];
            for turn in 0..count as u64 {
                let shares = fair(total, &vec![6; count], turn);
                assert_eq!(shares.iter().sum::<usize>(), total);
                for (sum, share) in turns.iter_mut().zip(shares) {
                    *sum += share;
                }
            }
            assert_eq!(turns, vec![total; count], "{total} places for {count}");
        }
    }
}
