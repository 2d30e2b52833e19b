//! Who gives an order.

/// The user by the environment, at this host.
pub(crate) fn user_at_host(environment: impl Iterator<Item = (String, String)>) -> String {
    let user = environment
        .filter(|(name, value)| matches!(name.as_str(), "USER" | "LOGNAME") && !value.is_empty())
        .map(|(_, value)| value)
        .next();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let (user, host) = (user.as_deref().unwrap_or("unknown"), host.trim());
    if host.is_empty() { user.to_owned() } else { format!("{user}@{host}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_orders_is_named_by_user_and_host() {
        let named = |name: &str| {
            let variable = (name.to_owned(), "ada".to_owned());
            user_at_host([("PATH".to_owned(), "x".to_owned()), variable].into_iter())
        };
        assert!(named("USER").starts_with("ada"), "{}", named("USER"));
        assert!(named("LOGNAME").starts_with("ada"));
        assert!(user_at_host(std::iter::empty()).starts_with("unknown"));
    }
}
