//! What a service counts, as its `/metrics` tells.

/// One reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metrics(String);

impl Metrics {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// The sum of all series of this name that have these labels, each as `label="value"`.
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let values = self.0.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (its_name, its_labels) = series.split_once('{').unwrap_or((series, ""));
            let meant = its_name == name && labels.iter().all(|label| its_labels.contains(label));
            if meant { value.parse::<f64>().ok() } else { None }
        });
        values.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_of_the_series_with_the_labels() {
        let text = "# TYPE a counter\na_total{stage=\"x\",cause=\"halt\"} 2\n\
                    a_total{stage=\"y\",cause=\"halt\"} 3\na_total_more{stage=\"x\"} 9\nb 1\n";
        let metrics = Metrics::new(text.to_owned());
        assert!((metrics.sum("a_total", &[]) - 5.0).abs() < f64::EPSILON);
        assert!((metrics.sum("a_total", &["stage=\"x\""]) - 2.0).abs() < f64::EPSILON);
        assert!((metrics.sum("b", &[]) - 1.0).abs() < f64::EPSILON);
    }
}
