//! A printer of our own on the loopback, whose roll is at its end or new: what the transport does
//! about it is the transport's own.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};

use crate::desk::SlipPrinter;
use crate::desk::preflight::Paper;
use crate::devices::print::{Destination, Printer};
use crate::domain::slip::Slip;
use crate::domain::slip_job::SlipOutcome;

/// `DLE EOT`, to which the number of a question is added.
const ASKED: [u8; 2] = [0x10, 0x04];

/// The question how the paper is.
const ABOUT_PAPER: u8 = 4;

/// `GS r 1`: answered once all before it is printed.
const FENCE: [u8; 3] = [0x1d, 0x72, 0x01];

/// The answer that all is well.
const WELL: u8 = 0x12;

/// The answer that the roll is at its end.
const PAPER_END: u8 = 0x72;

/// Prints a slip on it, by the transport that slips go by, with this printer's paper and lines.
pub(super) fn print(shop: &SlipPrinter, slip: &Slip, paper: Paper) -> io::Result<SlipOutcome> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let destination = Destination::Tcp {
        host: Ipv4Addr::LOCALHOST.to_string(),
        port,
    };
    let ours = SlipPrinter {
        printer: Printer::new(destination, shop.printer.profile.clone()),
        template: shop.template.clone(),
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            if let Ok((wire, _)) = listener.accept() {
                // A caller that hangs up has what it wanted.
                drop(serve(wire, paper));
            }
        });
        let told = ours.print(slip);
        // Lets the printer go home also where nobody came.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, port)));
        Ok(told.outcome)
    })
}

/// Answers what a printer is asked, until the caller hangs up.
fn serve(mut wire: TcpStream, paper: Paper) -> io::Result<()> {
    let mut newest = [0_u8; 3];
    let mut block = [0_u8; 1024];
    loop {
        let count = wire.read(&mut block)?;
        if count == 0 {
            return wire.shutdown(Shutdown::Both);
        }
        for byte in block.iter().take(count) {
            let [_, second, third] = newest;
            newest = [second, third, *byte];
            let [first, second, question] = newest;
            if [first, second] == ASKED {
                let is_end = question == ABOUT_PAPER && paper == Paper::AtItsEnd;
                wire.write_all(&[if is_end { PAPER_END } else { WELL }])?;
            } else if newest == FENCE {
                wire.write_all(&[0])?;
            }
        }
    }
}
