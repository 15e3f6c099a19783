//! Who may open a device node.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::Access;

/// What this account may do with a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRights {
    /// The group that it belongs to: its name, or its number if it has none.
    pub group: String,
    /// Whether this process may read and write it.
    pub may_open: bool,
    /// Whether the account is listed in the group: if it may not open it all the same, it was not yet
    /// when it logged in.
    pub is_listed: bool,
}

/// The rights to a node, without opening it; none: it is not there.
pub fn rights_of(path: &Path, account: &str) -> Option<NodeRights> {
    let metadata = fs::metadata(path).ok()?;
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let access = Access::READ_OK | Access::WRITE_OK;
    Some(NodeRights {
        group: group_name(&groups, metadata.gid()),
        may_open: rustix::fs::access(path, access).is_ok(),
        is_listed: is_listed(&groups, metadata.gid(), account),
    })
}

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

/// Whether group(5) lists an account in the group of this number.
fn is_listed(groups: &str, gid: u32, account: &str) -> bool {
    let gid = gid.to_string();
    groups.lines().any(|line| {
        let mut fields = line.split(':').skip(2);
        fields.next() == Some(gid.as_str())
            && fields
                .next()
                .is_some_and(|members| members.split(',').any(|member| member == account))
    })
}

#[cfg(test)]
mod tests {
    use super::{group_name, is_listed, rights_of};

    #[test]
    fn a_group_is_named_or_numbered() {
        let groups = "root:x:0:\ndialout:x:20:ana,ben\nbroken\n";
        assert_eq!(group_name(groups, 20), "dialout");
        assert_eq!(group_name(groups, 77), "77");
    }

    #[test]
    fn a_member_is_listed_by_the_whole_name() {
        let groups = "root:x:0:\ndialout:x:20:ana,ben\nbroken\n";
        for (gid, account, wanted) in [
            (20, "ben", true),
            (20, "be", false),
            (0, "ana", false),
            (21, "ana", false),
        ] {
            assert_eq!(is_listed(groups, gid, account), wanted, "{gid} {account}");
        }
    }

    #[test]
    fn a_node_that_is_not_there_has_no_rights() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(rights_of(&folder.path().join("none"), "ana"), None);
        assert!(rights_of(folder.path(), "ana").unwrap().may_open);
    }
}
