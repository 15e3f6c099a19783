//! The Debian package: built by its own script, installed by dpkg into a root that has nothing but what
//! dpkg itself needs, used there, and purged.
//!
//! The root is made of this computer's own packages, file by file: no network and no right of root is
//! needed, only `unshare`. So it proves that what the package declares is enough on *this* release of
//! Debian. It does not prove other releases, a start by systemd, or the rules of udev: nothing runs
//! there. And the program in it is the tests' own build, not a release build.
#![expect(
    clippy::unwrap_used,
    reason = "a test's own surroundings: what fails here fails the test"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// What a root needs for `dpkg` to run in it: the essential part of Debian that it is made of, and what
/// the package declares. No shell but dash, no systemd, no certificates, no time zones.
const ROOT: &str = "base-files base-passwd coreutils dash diffutils dpkg libacl1 libattr1 libbz2-1.0 \
    libc-bin libc6 libcrypt1 libdebconfclient0 libgcc-s1 libgmp10 liblzma5 libmd0 libpcre2-8-0 \
    libselinux1 libssl3 libzstd1 tar zlib1g";

/// The packages of `$2` in the folder `$1`, with dpkg's own books about them.
const MAKE_ROOT: &str = r#"
set -eu
root=$1
for folder in bin sbin lib lib64; do
    mkdir -p "$root/usr/$folder"
    ln -s "usr/$folder" "$root/$folder"
done
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$root/dev" "$root/tmp"
installed=
for package in $2 $(dpkg-query -W -f '${binary:Package}\n' 'gcc-*-base'); do
    if dpkg-query -W "$package" >"$root/tmp/found" 2>&1; then
        installed="$installed $package"
    fi
done
dpkg-query -L $installed | sort -u | while read -r path; do
    case $path in
        /usr/share/doc/* | /usr/share/man/* | /usr/share/locale/* | /usr/share/info/*) ;;
        /. | /bin | /sbin | /lib | /lib64) ;;
        */gconv/*) ;;
        *) if [ -e "$path" ] || [ -L "$path" ]; then echo "$path"; fi ;;
    esac
done >"$root/tmp/list"
tar -C / --no-recursion -cf - -T "$root/tmp/list" 2>"$root/tmp/found" |
    tar -C "$root" --keep-directory-symlink --no-same-owner -xf -
for package in $installed; do
    dpkg-query -s "$package"
    echo
done >"$root/var/lib/dpkg/status"
for table in passwd group; do
    cp "/usr/share/base-passwd/$table.master" "$root/etc/$table"
done
for info in list md5sums; do
    for package in $installed; do
        for file in /var/lib/dpkg/info/$package.$info /var/lib/dpkg/info/$package:*.$info; do
            if [ -e "$file" ]; then cp "$file" "$root/var/lib/dpkg/info/"; fi
        done
    done
done
: >"$root/dev/null"
rm "$root/tmp/list" "$root/tmp/found"
"#;

fn done(output: &Output, what: &str) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{what}: {printed}\n{errors}");
    printed
}

fn run(command: &mut Command) -> String {
    let what = format!("{command:?}");
    done(&command.output().unwrap(), &what)
}

/// The package, from the tests' own build of the program.
fn package(folder: &Path) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/debian/build");
    let printed = run(Command::new(script)
        .args([
            "--fast",
            "--binary",
            env!("CARGO_BIN_EXE_counterfoil"),
            "--to",
        ])
        .arg(folder));
    PathBuf::from(printed.trim())
}

/// A root of its own, and what is done in it.
struct Root(TempDir);

impl Root {
    fn new() -> Root {
        let folder = tempfile::tempdir().unwrap();
        run(Command::new("sh")
            .args(["-c", MAKE_ROOT, "make-root"])
            .arg(folder.path())
            .arg(ROOT)
            .env("LC_ALL", "C"));
        Root(folder)
    }

    /// Runs a shell's line inside, as root of a namespace of its own, without anything of ours but PATH.
    fn sh(&self, line: &str) -> Output {
        let inside = format!(
            "mount --bind /dev/null \"$1/dev/null\" && exec chroot \"$1\" /usr/bin/env -i \
             PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=xterm LC_ALL=C.UTF-8 sh -c '{line}'"
        );
        Command::new("unshare")
            .args([
                "--map-root-user",
                "--mount",
                "--net",
                "sh",
                "-c",
                &inside,
                "inside",
            ])
            .arg(self.0.path())
            .output()
            .unwrap()
    }

    fn well(&self, line: &str) -> String {
        done(&self.sh(line), line)
    }

    fn has(&self, path: &str) -> bool {
        self.0.path().join(path).exists()
    }
}

#[test]
fn the_package_installs_runs_and_goes_in_a_clean_debian_root() {
    let folder = tempfile::tempdir().unwrap();
    let package = package(folder.path());
    let root = Root::new();
    std::fs::copy(&package, root.0.path().join("tmp/counterfoil.deb")).unwrap();
    assert_eq!(root.well("echo clean"), "clean\n");
    assert!(!root.has("usr/bin/counterfoil"));

    root.well("dpkg --install /tmp/counterfoil.deb");
    assert!(root.well("dpkg --audit").is_empty());
    assert_eq!(
        root.well("dpkg-query -W -f \\${Status} counterfoil"),
        "install ok installed"
    );
    root.well("dpkg --verify counterfoil");
    for path in [
        "usr/lib/systemd/system/counterfoil-hub.service",
        "usr/lib/sysusers.d/counterfoil.conf",
        "usr/lib/tmpfiles.d/counterfoil.conf",
        "usr/lib/udev/rules.d/60-counterfoil.rules",
        "usr/share/man/man1/counterfoil.1.gz",
        "usr/share/man/man1/counterfoil-campaign-create.1.gz",
        "usr/share/bash-completion/completions/counterfoil",
        "usr/share/zsh/vendor-completions/_counterfoil",
        "usr/share/fish/vendor_completions.d/counterfoil.fish",
        "usr/share/doc/counterfoil/examples/counterfoil.toml",
        "usr/share/doc/counterfoil/copyright",
    ] {
        assert!(root.has(path), "{path} is not in the package");
    }
    // What the unit starts is what the package has.
    let unit = std::fs::read_to_string(
        root.0
            .path()
            .join("usr/lib/systemd/system/counterfoil-hub.service"),
    )
    .unwrap();
    assert!(unit.contains("ExecStart=/usr/bin/counterfoil "), "{unit}");
    assert!(!unit.contains("/usr/local"), "{unit}");

    // A day in a shop: no time zones, certificates or locales are installed there.
    root.well("counterfoil --data /srv/shop init --store Corner --timezone Europe/Berlin");
    root.well("counterfoil --data /srv/shop campaign create c --offer Coffee");
    root.well("printf \"CORNER-0001\\n\" | counterfoil --data /srv/shop codes import - --campaign c --given-out");
    let redeemed = root.well("counterfoil --json --data /srv/shop redeem CORNER-0001");
    assert!(redeemed.contains("\"accepted\""), "{redeemed}");
    let again = root.sh("counterfoil --json --data /srv/shop redeem CORNER-0001");
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    root.well("counterfoil --data /srv/shop verify");
    let doctor = root.well("counterfoil --json --data /srv/shop doctor");
    assert!(
        doctor.contains("\"check\":\"ledger\",\"mark\":\"ok\""),
        "{doctor}"
    );

    // The shop's books outlive the program.
    root.well("dpkg --purge counterfoil");
    assert!(!root.has("usr/bin/counterfoil") && !root.has("usr/share/doc/counterfoil"));
    assert!(root.has("srv/shop/ledger.db"));
}

#[test]
fn the_package_declares_every_library_that_the_program_asks_for() {
    let binary = env!("CARGO_BIN_EXE_counterfoil");
    let dynamic = run(Command::new("readelf").args(["--dynamic", "--wide", binary]));
    let mut needed: Vec<&str> = dynamic
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| line.split(['[', ']']).nth(1))
        .collect();
    needed.sort_unstable();
    let of_libc = ["ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6"];
    needed.retain(|library| !of_libc.contains(library));
    assert_eq!(needed, ["libgcc_s.so.1"]);

    let versions = run(Command::new("readelf").args(["--version-info", "--wide", binary]));
    let newest = versions
        .split("GLIBC_2.")
        .skip(1)
        .filter_map(|rest| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u32>().ok()
        })
        .max()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let depends = run(Command::new("dpkg-deb")
        .arg("--field")
        .arg(package(folder.path()))
        .arg("Depends"));
    let declared: u32 = depends
        .trim()
        .strip_prefix("libc6 (>= 2.")
        .and_then(|rest| rest.strip_suffix("), libgcc-s1"))
        .unwrap()
        .parse()
        .unwrap();
    assert!(newest <= declared, "it needs GLIBC_2.{newest}: {depends}");
}
