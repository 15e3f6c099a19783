//! Sign-up: a customer gets a code of their own, or is told which they have.
//!
//! Invariant: nothing is claimed by one key; and a form that is asked again is the same act, by its
//! key.
//! Invariant: a scan leaves the form as it is.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::style::Style;

use crate::domain::campaign::{Campaign, ContactKind};
use crate::domain::claim::{Claim, ClaimWord, Look, Looked};
use crate::domain::code::last_letters;
use crate::domain::ids::{CampaignId, Key};
use crate::domain::local_time::{in_words, last_in_words};
use crate::domain::sign_up::{GivenOutChoice, SignUpAsk, SignUpRoom};
use crate::domain::slip_job::{OpenSlip, SlipJob, SlipOutcome};
use crate::domain::verdict::CodeState;
use crate::tui::big_word::{self, Scale};
use crate::tui::canvas::{Canvas, columns, cut, padded, wrapped};
use crate::tui::field::{FIELD_CHARS_MAX, Field};
use crate::tui::keys::{Command, Place};
use crate::tui::msg::Effect;
use crate::tui::pages::View;
use crate::tui::screens::question::{Outcome, edit};
use crate::tui::screens::signed_up::{Given, SignedUp, outcome_in_words};
use crate::tui::screens::slips::Slips;
use crate::tui::screens::take_back::TakeBack;
use crate::tui::theme::Tone;

/// The lines of the form, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Campaign,
    Name,
    Email,
    Phone,
    Loyalty,
    Consent,
}

const ENTRIES: [Entry; 6] = [
    Entry::Campaign,
    Entry::Name,
    Entry::Email,
    Entry::Phone,
    Entry::Loyalty,
    Entry::Consent,
];

impl Entry {
    fn label(self) -> &'static str {
        match self {
            Entry::Campaign => "Campaign",
            Entry::Name => "Name",
            Entry::Email => "E-mail",
            Entry::Phone => "Phone",
            Entry::Loyalty => "Loyalty no.",
            Entry::Consent => "Write to them",
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Entry::Campaign => "Left, Right: another",
            Entry::Name => "may stay empty",
            Entry::Email => "one of e-mail, phone, loyalty number is enough",
            Entry::Phone => "as in +44 20 7946 0958",
            Entry::Loyalty => "scan it or type it",
            Entry::Consent => "Space: they agree to be written to, or not",
        }
    }

    fn kind(self) -> Option<ContactKind> {
        match self {
            Entry::Email => Some(ContactKind::Email),
            Entry::Phone => Some(ContactKind::Phone),
            Entry::Loyalty => Some(ContactKind::Loyalty),
            Entry::Campaign | Entry::Name | Entry::Consent => None,
        }
    }
}

/// How far a form is.
enum Stage {
    Filling,
    /// The second key is awaited.
    Asking,
    AtDesk,
    Done(Box<SignedUp>),
}

/// What lies over the form.
enum Over {
    Nothing,
    TakeBack(TakeBack),
    Slips(Slips),
}

/// What is known of whoever the form names.
#[derive(Default)]
struct Looks {
    /// The number of the newest look.
    number: u64,
    /// Ticks since a contact was changed; none: a look is on its way, or nothing was changed.
    changed: Option<u8>,
    look: Option<Look>,
}

/// With so many rows in the form the offer is said large.
const LARGE_ROOM: u16 = 13;

/// So many ticks after the last change of a contact it is looked at.
const LOOKED_AFTER: u8 = 2;

/// The sign-up screen.
pub struct SignUp {
    campaigns: Option<Vec<Campaign>>,
    chosen: Option<CampaignId>,
    key: Option<Key>,
    at: Entry,
    name: Field,
    email: Field,
    phone: Field,
    loyalty: Field,
    consents: bool,
    stage: Stage,
    over: Over,
    looks: Looks,
    slips: Vec<OpenSlip>,
    has_printer: bool,
    words: String,
}

impl SignUp {
    /// An empty form.
    pub fn new() -> SignUp {
        SignUp {
            campaigns: None,
            chosen: None,
            key: None,
            at: Entry::Name,
            name: Field::default(),
            email: Field::default(),
            phone: Field::default(),
            loyalty: Field::default(),
            consents: false,
            stage: Stage::Filling,
            over: Over::Nothing,
            looks: Looks::default(),
            slips: Vec::new(),
            has_printer: false,
            words: String::new(),
        }
    }

    /// The screen comes into view.
    pub fn opened(&mut self, effects: &mut Vec<Effect>) {
        effects.push(Effect::ReadSignUpRoom);
        effects.push(Effect::ListSlips);
    }

    /// Where the operator is.
    pub fn place(&self) -> Place {
        match (&self.over, &self.stage) {
            (Over::TakeBack(_) | Over::Slips(_), _) => Place::SignUpList,
            (Over::Nothing, Stage::Asking) => Place::SignUpAsked,
            (Over::Nothing, Stage::Done(done)) if done.asks_print() => Place::SignUpAsked,
            (Over::Nothing, Stage::Done(_)) => Place::SignUpDone,
            (Over::Nothing, Stage::Filling | Stage::AtDesk) => Place::SignUp,
        }
    }

    /// Whether Esc closes something here, before it leads back to the scans.
    pub fn has_something_open(&self) -> bool {
        matches!(self.place(), Place::SignUpList | Place::SignUpAsked)
    }

    /// Whether a barcode that is no code of ours fills the field that is being typed in: any does
    /// where a loyalty number is asked for. What was pasted for an address or a phone does too, if
    /// it looks like one.
    pub fn is_scannable(&self, raw: &[u8]) -> bool {
        let is_filling = matches!(self.stage, Stage::Filling | Stage::Asking)
            && matches!(self.over, Over::Nothing);
        is_filling
            && match self.at {
                // Half a number would be another customer's.
                Entry::Loyalty => raw.len() <= FIELD_CHARS_MAX,
                Entry::Email => is_like_address(raw),
                Entry::Phone => is_like_phone(raw),
                Entry::Campaign | Entry::Name | Entry::Consent => false,
            }
    }

    /// Something was scanned: no question stays open for a key that was meant for the scan.
    pub fn scanned(&mut self) {
        match &mut self.stage {
            Stage::Asking => self.stage = Stage::Filling,
            Stage::Done(done) => done.drop_question(),
            Stage::Filling | Stage::AtDesk => {}
        }
        if matches!(&self.over, Over::TakeBack(list) if !list.is_at_desk()) {
            self.over = Over::Nothing;
        }
    }

    /// Takes a scanned barcode that is no code.
    pub fn fill(&mut self, raw: &[u8]) {
        self.stage = Stage::Filling;
        self.words.clear();
        if let Some(field) = self.field_mut(self.at) {
            field.fill_scanned(raw);
        }
        self.changed();
    }

    /// What there is to choose from.
    pub fn room_read(&mut self, room: SignUpRoom, now: Timestamp) {
        let mut campaigns = room.campaigns;
        campaigns.sort_by_key(|campaign| !campaign.is_live(now));
        let is_there = |id: &CampaignId| campaigns.iter().any(|campaign| campaign.id == *id);
        self.chosen = self
            .chosen
            .take()
            .filter(is_there)
            .or_else(|| room.first.filter(is_there))
            .or_else(|| campaigns.first().map(|campaign| campaign.id.clone()));
        self.campaigns = Some(campaigns);
        self.key.get_or_insert(room.key);
    }

    /// Time went by: a contact that is no longer being changed is looked at.
    pub fn ticked(&mut self, effects: &mut Vec<Effect>) {
        if let Stage::Done(done) = &mut self.stage {
            done.ticked();
        }
        if let Some(ticks) = self.looks.changed.as_mut() {
            *ticks = ticks.saturating_add(1);
            if *ticks >= LOOKED_AFTER {
                self.look(effects);
            }
        }
    }

    /// What is known of whoever the form names.
    pub fn looked(&mut self, number: u64, look: Look) {
        if number != self.looks.number || self.looks.changed.is_some() {
            return;
        }
        if let (Stage::Asking, Look::Invalid { .. } | Look::Several) = (&self.stage, &look) {
            self.stage = Stage::Filling;
            if let Look::Invalid { kind, why } = &look {
                self.complain(*kind, why);
            }
        }
        self.looks.look = Some(look);
    }

    /// Takes a typed character.
    pub fn typed(&mut self, character: char) {
        match &mut self.over {
            Over::TakeBack(list) => return list.typed(character),
            Over::Slips(list) => return list.typed(character),
            Over::Nothing => {}
        }
        if !matches!(self.stage, Stage::Filling | Stage::Asking) {
            return;
        }
        self.stage = Stage::Filling;
        self.words.clear();
        if self.at == Entry::Consent && character == ' ' {
            self.consents = !self.consents;
        }
        if let Some(field) = self.field_mut(self.at) {
            field.push(character);
            self.changed();
        }
    }

    /// Does what a key orders.
    pub fn command(
        &mut self,
        command: Command,
        has_printer: bool,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        self.has_printer = has_printer;
        if let Over::TakeBack(_) | Over::Slips(_) = self.over
            && command == Command::Drop
        {
            self.over = Over::Nothing;
            return Outcome::Open;
        }
        match &mut self.over {
            Over::TakeBack(list) => return list.command(command, effects),
            Over::Slips(list) => return list.command(command, effects),
            Over::Nothing => {}
        }
        if command == Command::Undo {
            self.over = Over::TakeBack(TakeBack::default());
            effects.push(Effect::ListGivenOut);
            return Outcome::Open;
        }
        if command == Command::Slips && !matches!(self.stage, Stage::Done(_)) {
            self.over = Over::Slips(Slips::default());
            effects.push(Effect::ListSlips);
            return Outcome::Open;
        }
        match &mut self.stage {
            Stage::Filling => return self.fill_in(command, effects),
            Stage::Asking => return self.asked(command, effects),
            Stage::AtDesk => {}
            Stage::Done(done) => {
                if done.command(command, has_printer, effects) {
                    self.next_customer(effects);
                }
            }
        }
        Outcome::Open
    }

    /// F3 on this screen: from an answer to the next customer.
    pub fn again(&mut self, effects: &mut Vec<Effect>) {
        self.over = Over::Nothing;
        if matches!(self.stage, Stage::Done(_)) {
            self.next_customer(effects);
        }
    }

    fn next_customer(&mut self, effects: &mut Vec<Effect>) {
        *self = SignUp {
            campaigns: self.campaigns.take(),
            chosen: self.chosen.take(),
            slips: std::mem::take(&mut self.slips),
            looks: Looks {
                number: self.looks.number,
                ..Looks::default()
            },
            ..SignUp::new()
        };
        effects.push(Effect::ReadSignUpRoom);
    }

    fn fill_in(&mut self, command: Command, effects: &mut Vec<Effect>) -> Outcome {
        let at = self.at;
        if let Some(field) = self.field_mut(at) {
            let before = field.as_str().len();
            if edit(field, command) {
                if field.as_str().len() != before {
                    self.words.clear();
                    self.changed();
                }
                return Outcome::Open;
            }
            // A slow scanner ends its line with the one or the other.
            if matches!(command, Command::Enter | Command::Next) && field.is_code() {
                return Outcome::Scan(field.take().into_bytes());
            }
        }
        if matches!(command, Command::Next | Command::Down) {
            self.step(1);
        } else if matches!(command, Command::Previous | Command::Up) {
            self.step(-1);
        } else if matches!(command, Command::Left | Command::Right) {
            if at == Entry::Campaign {
                self.choose(command);
            } else if at == Entry::Consent {
                self.consents = !self.consents;
            }
        } else if command == Command::Enter {
            self.enter(effects);
        }
        Outcome::Open
    }

    /// Enter asks for a second one, once there is enough to go by.
    fn enter(&mut self, effects: &mut Vec<Effect>) {
        self.words.clear();
        let may_be_nobody = self
            .campaign()
            .is_some_and(|campaign| campaign.rules.allow_anonymous_per_day > 0);
        if self.contacts().is_empty() && !(may_be_nobody && self.at == Entry::Consent) {
            if self.at == Entry::Consent {
                self.at = Entry::Email;
                self.say("an e-mail, a phone or a loyalty number is needed");
            } else {
                self.step(1);
            }
            return;
        }
        if self.campaign().is_none() {
            self.say("there is no campaign yet: begin one with `counterfoil campaign create`");
            return;
        }
        if self.looks.changed.is_some() {
            self.look(effects);
        }
        match self.looks.look.clone() {
            Some(Look::Invalid { kind, why }) => self.complain(kind, &why),
            Some(Look::Several) => {}
            Some(Look::Nobody | Look::One(_)) | None => self.stage = Stage::Asking,
        }
    }

    fn asked(&mut self, command: Command, effects: &mut Vec<Effect>) -> Outcome {
        if command != Command::Enter {
            self.stage = Stage::Filling;
            if command == Command::Drop {
                return Outcome::Open;
            }
            return self.fill_in(command, effects);
        }
        let (Some(key), Some(campaign)) = (self.key.clone(), self.chosen.clone()) else {
            self.stage = Stage::Filling;
            self.say("not ready yet: press Enter again");
            effects.push(Effect::ReadSignUpRoom);
            return Outcome::Open;
        };
        let name = self.name.as_str().trim();
        effects.push(Effect::SignUp(Box::new(SignUpAsk {
            campaign,
            name: (!name.is_empty()).then(|| name.to_owned()),
            contacts: self.contacts(),
            consents: self.consents,
            key,
            prints: self.has_printer,
        })));
        self.stage = Stage::AtDesk;
        Outcome::Open
    }

    /// The sign-up was answered; what it changed is committed.
    pub fn claimed(
        &mut self,
        key: &Key,
        claim: &Claim,
        zone: &TimeZone,
        effects: &mut Vec<Effect>,
    ) {
        if self.key.as_ref() != Some(key) || !matches!(self.stage, Stage::AtDesk) {
            return;
        }
        self.stage = Stage::Filling;
        match claim.word {
            ClaimWord::Assigned | ClaimWord::Replayed | ClaimWord::AlreadyAssigned => {
                self.words.clear();
                self.stage = Stage::Done(Box::new(self.done(claim, zone)));
            }
            ClaimWord::InvalidContact => {
                self.at = Entry::Email;
                self.say(&claim.message());
                self.changed();
            }
            ClaimWord::ContactsDisagree => {
                self.say(
                    "these contacts belong to two customers: nothing was given. Leave one out",
                );
            }
            ClaimWord::KeyConflict => {
                self.key = None;
                effects.push(Effect::ReadSignUpRoom);
                self.say("nothing was given: this form was used for somebody else. Enter again");
            }
            ClaimWord::PoolExhausted => {
                let next = claim.fallback.as_deref().unwrap_or("Tell the manager");
                self.say(&format!(
                    "no code of this offer is left: nothing was given. {next}"
                ));
            }
            ClaimWord::NotLive
            | ClaimWord::NotEligible
            | ClaimWord::InProgress
            | ClaimWord::NeedsHub
            | ClaimWord::Preview
            | ClaimWord::NothingAssigned
            | ClaimWord::Forward => self.say(&claim.message()),
        }
    }

    fn done(&self, claim: &Claim, zone: &TimeZone) -> SignedUp {
        let masked = claim.code.as_deref().map(last_letters).or_else(|| {
            let newest = self.known()?.newest.as_ref()?;
            Some(newest.masked.clone())
        });
        let state = claim.state.unwrap_or_default();
        let is_new = claim.word != ClaimWord::AlreadyAssigned && claim.code.is_some();
        let validity = match self.campaign() {
            Some(campaign) if is_new => campaign.rules.validity_in_words(claim.expires_at, zone),
            Some(_) | None => state_in_words(state, claim.expires_at, zone),
        };
        let given = Given {
            is_new,
            is_test: state == CodeState::Test.as_str(),
            code: claim.code.clone(),
            masked: masked.unwrap_or_default(),
            offer: self
                .campaign()
                .map(|campaign| campaign.rules.offer.clone())
                .unwrap_or_default(),
            validity,
            who: self.who().join(" · "),
        };
        SignedUp::new(given, claim.slip.as_ref())
    }

    /// The hub is asked, under the form's key.
    pub fn asks_hub(&mut self, key: &Key) {
        if self.key.as_ref() == Some(key) && matches!(self.stage, Stage::AtDesk) {
            self.say("asking the hub …");
        }
    }

    /// Nothing was given, and the form stays.
    pub fn refused(&mut self, words: &str) {
        if matches!(self.stage, Stage::AtDesk) {
            self.stage = Stage::Filling;
            self.say(words);
        }
        match &mut self.over {
            Over::TakeBack(list) => list.refuse(words),
            Over::Slips(list) => list.say(words),
            Over::Nothing => {}
        }
        if let Stage::Done(done) = &mut self.stage
            && matches!(self.over, Over::Nothing)
        {
            done.say(words);
        }
    }

    /// What may be taken back.
    pub fn given_out_listed(&mut self, choices: Vec<GivenOutChoice>) {
        if let Over::TakeBack(list) = &mut self.over {
            list.listed(choices);
        }
    }

    /// A code was taken back, or not; a form that was given it may be asked anew.
    pub fn cancelled(&mut self, code: &str, problem: Option<&str>, effects: &mut Vec<Effect>) {
        if let Some(words) = problem {
            return self.refused(words);
        }
        if let Over::TakeBack(_) = self.over {
            self.over = Over::Nothing;
        }
        if matches!(&self.stage, Stage::Done(done) if done.is_of(code)) {
            self.stage = Stage::Filling;
            self.key = None;
            effects.push(Effect::ReadSignUpRoom);
        }
        self.changed();
        self.say(&format!(
            "taken back: {} is void. Keep its slip, the customer may have another code",
            last_letters(code)
        ));
    }

    /// The slips that no printer has confirmed.
    pub fn slips_listed(&mut self, slips: Vec<OpenSlip>) {
        if let Over::Slips(list) = &mut self.over {
            list.listed(slips.clone());
        }
        self.slips = slips;
    }

    /// A slip is on its way to the printer.
    pub fn slip_ordered(&mut self, job: &SlipJob) {
        if let Stage::Done(done) = &mut self.stage {
            done.slip_ordered(job);
        }
    }

    /// A printer was asked to print a slip.
    pub fn slip_printed(&mut self, number: i64, outcome: &SlipOutcome) {
        if let Over::Slips(list) = &mut self.over {
            list.say(&outcome_in_words(outcome));
        }
        if let Stage::Done(done) = &mut self.stage {
            done.slip_printed(number, outcome);
        }
    }

    fn say(&mut self, words: &str) {
        words.clone_into(&mut self.words);
    }

    /// Enter was pressed, and this contact cannot be gone by.
    fn complain(&mut self, kind: ContactKind, why: &str) {
        self.go_to(kind);
        self.say(why);
    }

    fn changed(&mut self) {
        self.looks.changed = Some(0);
        self.looks.look = None;
    }

    /// Has the contacts looked at now.
    fn look(&mut self, effects: &mut Vec<Effect>) {
        self.looks.changed = None;
        let contacts = self.contacts();
        if let (false, Some(campaign)) = (contacts.is_empty(), &self.chosen) {
            self.looks.number = self.looks.number.saturating_add(1);
            effects.push(Effect::LookFor {
                number: self.looks.number,
                campaign: campaign.clone(),
                contacts,
            });
        }
    }

    fn known(&self) -> Option<&Looked> {
        match &self.looks.look {
            Some(Look::One(looked)) => Some(looked),
            Some(Look::Invalid { .. } | Look::Nobody | Look::Several) | None => None,
        }
    }

    fn contacts(&self) -> Vec<(ContactKind, String)> {
        ENTRIES
            .into_iter()
            .filter_map(|entry| {
                let text = self.field(entry)?.as_str().trim();
                let kind = entry.kind().filter(|_| !text.is_empty())?;
                Some((kind, text.to_owned()))
            })
            .collect()
    }

    fn campaign(&self) -> Option<&Campaign> {
        let chosen = self.chosen.as_ref()?;
        self.campaigns
            .as_ref()?
            .iter()
            .find(|campaign| campaign.id == *chosen)
    }

    fn choose(&mut self, command: Command) {
        let campaigns = self.campaigns.as_deref().unwrap_or_default();
        let at = campaigns
            .iter()
            .position(|campaign| Some(&campaign.id) == self.chosen.as_ref())
            .unwrap_or(0);
        let next = if command == Command::Left {
            at.checked_sub(1)
        } else {
            at.checked_add(1)
        };
        if let Some(campaign) = next.and_then(|next| campaigns.get(next)) {
            self.chosen = Some(campaign.id.clone());
            // What was said was of the other one.
            self.words.clear();
            self.changed();
        }
    }

    fn step(&mut self, by: isize) {
        let at = ENTRIES.iter().position(|entry| *entry == self.at);
        let next = at.unwrap_or(0).saturating_add_signed(by);
        if let Some(entry) = ENTRIES.get(next) {
            self.at = *entry;
        }
    }

    fn go_to(&mut self, kind: ContactKind) {
        if let Some(entry) = ENTRIES.iter().find(|entry| entry.kind() == Some(kind)) {
            self.at = *entry;
        }
    }

    fn field(&self, entry: Entry) -> Option<&Field> {
        Some(match entry {
            Entry::Name => &self.name,
            Entry::Email => &self.email,
            Entry::Phone => &self.phone,
            Entry::Loyalty => &self.loyalty,
            Entry::Campaign | Entry::Consent => return None,
        })
    }

    fn field_mut(&mut self, entry: Entry) -> Option<&mut Field> {
        Some(match entry {
            Entry::Name => &mut self.name,
            Entry::Email => &mut self.email,
            Entry::Phone => &mut self.phone,
            Entry::Loyalty => &mut self.loyalty,
            Entry::Campaign | Entry::Consent => return None,
        })
    }
}

impl Default for SignUp {
    fn default() -> SignUp {
        SignUp::new()
    }
}

fn is_like_address(raw: &[u8]) -> bool {
    let text = str::from_utf8(raw).unwrap_or_default().trim();
    let is_one_word = !text.contains(|c: char| c.is_whitespace() || matches!(c, ':' | ';' | '/'));
    let parts = text.split_once('@');
    is_one_word
        && parts.is_some_and(|(name, host)| {
            !name.is_empty() && !host.contains('@') && host.trim_matches('.').contains('.')
        })
}

/// With its country, so that no barcode of a product is taken for one.
fn is_like_phone(raw: &[u8]) -> bool {
    let text = str::from_utf8(raw).unwrap_or_default().trim();
    let digits = text.chars().filter(char::is_ascii_digit).count();
    text.strip_prefix('+').is_some_and(|rest| {
        digits >= 7
            && rest
                .chars()
                .all(|c| c.is_ascii_digit() || " ()-./".contains(c))
    })
}

/// Why a campaign gives nothing now, before its offer; empty where it does.
fn why_not_live(campaign: &Campaign, view: &View<'_>) -> String {
    let rules = &campaign.rules;
    if campaign.is_live(view.now) {
        String::new()
    } else if campaign.is_paused {
        "PAUSED – ".to_owned()
    } else if let Some(starts) = rules.starts_at.filter(|starts| view.now < *starts) {
        format!("FROM {} – ", in_words(starts, view.zone))
    } else {
        "OVER – ".to_owned()
    }
}

/// The state of a code as it is said to a customer.
fn state_in_words(state: &str, ends_at: Option<Timestamp>, zone: &TimeZone) -> String {
    match (state, ends_at) {
        ("redeemed", _) => "used".to_owned(),
        ("assigned", Some(end)) => format!("valid until {}", last_in_words(end, zone)),
        ("assigned", None) => "not used yet".to_owned(),
        ("expired", Some(end)) => format!("was valid until {}", last_in_words(end, zone)),
        ("suspect", _) => "to be settled by a manager".to_owned(),
        (other, _) => other.to_owned(),
    }
}

impl SignUp {
    /// Draws the screen.
    pub fn draw(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        match &self.over {
            Over::TakeBack(list) => return list.draw(canvas, view.now, view.zone),
            Over::Slips(list) => return list.draw(canvas, view.now, view.zone),
            Over::Nothing => {}
        }
        match &self.stage {
            Stage::Done(done) => done.draw(canvas),
            Stage::Filling | Stage::Asking | Stage::AtDesk => self.draw_form(canvas, view),
        }
    }

    fn is_test(&self, view: &View<'_>) -> bool {
        self.chosen
            .as_ref()
            .is_some_and(|id| view.in_test_mode.iter().any(|name| name == id.as_str()))
    }

    fn draw_form(&self, canvas: &mut Canvas<'_>, view: &View<'_>) {
        let theme = canvas.theme();
        canvas.border(theme.border(Tone::Plain), Style::new());
        canvas.text(2, 0, " SIGN-UP ", theme.strong());
        if self.is_test(view) {
            canvas.text_right(2, 0, " TEST MODE ", theme.banner());
        }
        let bottom = canvas.rows().saturating_sub(1);
        let note = match self.slips.len() {
            0 => " Tab, Down: next line · Enter: give a code ".to_owned(),
            1 => " 1 slip not confirmed: F7 ".to_owned(),
            count => format!(" {count} slips not confirmed: F7 "),
        };
        canvas.text_right(2, bottom, &note, Style::new());
        let canvas_columns = canvas.columns().saturating_sub(6);
        let mut inside = canvas.inside(2);
        let has_gaps = matches!(inside.rows(), 12 | 14..);
        let mut row = 0;
        if inside.rows() >= LARGE_ROOM {
            self.draw_offer(&mut inside.part(2, 0, canvas_columns, 3));
            row = 3;
        }
        for entry in ENTRIES {
            self.draw_entry(&mut inside, row, entry, view);
            row = row.saturating_add(1);
            row = row.saturating_add(u16::from(has_gaps && entry == Entry::Campaign && row < 3));
        }
        row = row.saturating_add(u16::from(has_gaps));
        let room = inside.columns();
        let (words, is_weighty) = self.said(view.zone);
        let style = if is_weighty {
            theme.warning()
        } else {
            theme.dim()
        };
        let left = inside.rows().saturating_sub(row);
        for line in wrapped(&words, room, usize::from(left.clamp(2, 4))) {
            inside.text(0, row, &line, style);
            row = row.saturating_add(1);
        }
        if matches!(self.stage, Stage::Asking) {
            let question = self.question();
            // At the end, where it is always looked for.
            let at = inside
                .rows()
                .saturating_sub(2)
                .max(row.min(inside.rows().saturating_sub(2)));
            for (offset, line) in (0_u16..).zip(wrapped(&question, room, 2)) {
                let line = padded(&line, room);
                inside.text(0, at.saturating_add(offset), &line, theme.picked());
            }
        }
    }

    /// The offer, as large as it goes.
    fn draw_offer(&self, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme();
        let Some(campaign) = self.campaign() else {
            return;
        };
        let offer = campaign.rules.offer.as_str();
        // What comes after a comma is in the line below.
        let head = offer.split([',', ';', ':', '(']).next().unwrap_or(offer);
        let loud = head.trim().to_uppercase();
        let fits = big_word::columns(&loud, Scale::Half)
            .is_some_and(|width| width <= usize::from(canvas.columns()));
        let Some(rows) = big_word::rows(&loud, Scale::Half, theme.is_ascii).filter(|_| fits) else {
            canvas.text(0, 1, &cut(offer, canvas.columns()), theme.strong());
            return;
        };
        for (row, line) in (0_u16..).zip(rows) {
            canvas.text(0, row, &line, Style::new());
        }
    }

    fn draw_entry(&self, canvas: &mut Canvas<'_>, row: u16, entry: Entry, view: &View<'_>) {
        let theme = canvas.theme();
        let is_here = entry == self.at && matches!(self.stage, Stage::Filling);
        let mark = if is_here { '›' } else { ' ' };
        let style = if is_here { theme.strong() } else { theme.dim() };
        let label = padded(&format!("{mark} {}", entry.label()), 16);
        let taken = canvas.text(0, row, &label, style);
        let room = canvas.columns().saturating_sub(taken);
        let text = match (entry, self.field(entry)) {
            (Entry::Campaign, _) => self.campaign_words(view),
            (_, Some(field)) if is_here => field.with_cursor(view.pending, usize::from(room)),
            (_, Some(field)) => field.as_str().to_owned(),
            (_, None) if self.consents => "[x] they agree".to_owned(),
            (_, None) => "[ ] no".to_owned(),
        };
        let text = cut(&text, room);
        let drawn = canvas.text(taken, row, &text, theme.strong());
        let hint = self.hint(entry);
        let hint_at = taken.saturating_add(drawn).saturating_add(2);
        let has_room = hint_at.saturating_add(columns(&hint)) <= canvas.columns();
        if is_here && has_room {
            canvas.text(hint_at, row, &hint, theme.dim());
        }
    }

    fn hint(&self, entry: Entry) -> String {
        let campaigns = self.campaigns.as_deref().unwrap_or_default();
        let at = campaigns
            .iter()
            .position(|campaign| Some(&campaign.id) == self.chosen.as_ref());
        match (entry, at) {
            (Entry::Campaign, Some(at)) => {
                let number = at.saturating_add(1);
                format!("{number} of {} · Left, Right", campaigns.len())
            }
            _ => entry.hint().to_owned(),
        }
    }

    fn campaign_words(&self, view: &View<'_>) -> String {
        match (&self.campaigns, self.campaign()) {
            (None, _) => "looking them up …".to_owned(),
            (Some(_), None) => "there is no campaign yet".to_owned(),
            (Some(_), Some(campaign)) => {
                let state = why_not_live(campaign, view);
                format!("‹ {} ›  {state}{}", campaign.id, campaign.rules.offer)
            }
        }
    }

    /// What is said below the fields, and whether it must be noticed.
    fn said(&self, zone: &TimeZone) -> (String, bool) {
        if matches!(self.stage, Stage::AtDesk) {
            return ("giving a code …".to_owned(), true);
        }
        if !self.words.is_empty() {
            return (self.words.clone(), true);
        }
        match &self.looks.look {
            None => (String::new(), false),
            Some(Look::Nobody) => ("A new customer.".to_owned(), false),
            Some(Look::Several) => (
                "These contacts belong to two customers: leave one out.".to_owned(),
                true,
            ),
            // It may be half typed.
            Some(Look::Invalid { kind, .. }) if self.at.kind() == Some(*kind) => {
                ("… not complete yet".to_owned(), false)
            }
            Some(Look::Invalid { why, .. }) => (why.clone(), true),
            Some(Look::One(looked)) if looked.is_tester => (
                "A test customer: gets a test code, which no counter honours.".to_owned(),
                false,
            ),
            Some(Look::One(looked)) => match &looked.newest {
                None => (
                    "Known here; has no code of this offer yet.".to_owned(),
                    false,
                ),
                Some(newest) => {
                    let state = state_in_words(newest.state, newest.expires_at, zone);
                    let (held, most) = (looked.codes_held, looked.per_customer);
                    let words = if looked.may_have_another() {
                        format!("Has {held} of {most}: {}, {state}.", newest.masked)
                    } else {
                        format!("Has one already: {}, {state}.", newest.masked)
                    };
                    (words, !looked.may_have_another())
                }
            },
        }
    }

    fn question(&self) -> String {
        if self
            .known()
            .is_some_and(|looked| !looked.may_have_another())
        {
            return "Enter again: show what they have. No new code is given.".to_owned();
        }
        let offer = self
            .campaign()
            .map_or("a code", |campaign| campaign.rules.offer.as_str());
        let who = self.who();
        let who = if who.is_empty() {
            "somebody without a contact".to_owned()
        } else {
            who.join(", ")
        };
        format!("Enter again: give {offer} to {who}")
    }

    /// Name and contacts as they were typed, two of them.
    fn who(&self) -> Vec<&str> {
        [&self.name, &self.email, &self.phone, &self.loyalty]
            .into_iter()
            .map(|field| field.as_str().trim())
            .filter(|text| !text.is_empty())
            .take(2)
            .collect()
    }
}
