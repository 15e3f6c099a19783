//! Who may open a device node.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The group that owns `path`: its name, or its number if it has none; `otherwise` where the node
/// cannot be looked at.
pub(in crate::devices) fn group_of(path: &Path, otherwise: &str) -> String {
    let Ok(metadata) = fs::metadata(path) else {
        return otherwise.to_owned();
    };
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    group_name(&groups, metadata.gid())
}

fn group_name(groups: &str, gid: u32) -> String {
    let gid = gid.to_string();
    groups
        .lines()
        .find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == gid).then(|| name.to_owned())
        })
        .unwrap_or(gid)
}

#[cfg(test)]
mod tests {
    use super::group_name;

    #[test]
    fn a_group_is_named_or_numbered() {
        let groups = "root:x:0:\ndialout:x:20:ana,ben\nbroken\n";
        assert_eq!(group_name(groups, 20), "dialout");
        assert_eq!(group_name(groups, 77), "77");
    }
}
