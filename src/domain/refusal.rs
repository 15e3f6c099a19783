//! What the back room is told when something cannot be done: a value, not an error.

use jiff::Timestamp;

use crate::domain::claim::CancelFault;
use crate::domain::ids::CampaignId;
use crate::domain::verdict::CodeState;

/// Why an act on campaigns, codes or operators was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No campaign has this name.
    #[error("there is no campaign {0}")]
    NoSuchCampaign(CampaignId),
    /// A campaign has this name already.
    #[error("there is a campaign {0} already")]
    CampaignExists(CampaignId),
    /// The rules cannot be.
    #[error("{0}")]
    Faulty(String),
    /// Uses were made: the number of uses stands.
    #[error("{made} uses of this campaign were made, so its number of uses stands")]
    UsesMade {
        /// How many.
        made: u64,
    },
    /// Customers have codes: the rule by which they are told apart stands.
    #[error("customers have codes of this campaign, so its rule for mail aliases stands")]
    CustomersKnown,
    /// A contact belongs to another customer.
    #[error("this {kind} is that of another customer, {customer}")]
    ContactOfAnother {
        /// The kind of the contact.
        kind: &'static str,
        /// The other customer's id.
        customer: String,
    },
    /// The customer is not known by a contact that was to be removed.
    #[error("the customer has no such {0}")]
    NoSuchContact(&'static str),
    /// Two ids of one customer.
    #[error("{0} and {1} are one customer already")]
    OneCustomer(String, String),
    /// No code reads like this.
    #[error("there is no code {0}")]
    NoSuchCode(String),
    /// No customer is known so.
    #[error("no customer is known as {0}")]
    NoSuchCustomer(String),
    /// The code's state does not allow it.
    #[error("the code is {}", .0.as_str())]
    State(CodeState),
    /// The counter may not take the assignment back.
    #[error("{0}")]
    NotCancelled(CancelFault),
    /// No operator has this name.
    #[error("there is no operator {0}")]
    NoSuchOperator(String),
    /// An operator has this name already.
    #[error("there is an operator {0} already")]
    OperatorExists(String),
    /// The last one who can approve.
    #[error("{0} is the last manager with a PIN: nobody could approve anything any more")]
    LastManager(String),
    /// The operator is the hub's.
    #[error("{0} is an operator of the hub, and is changed there")]
    OperatorOfHub(String),
    /// The text of a badge is a code, or reads like one.
    #[error("that is a customer's code, and no badge")]
    BadgeIsCode,
    /// The text is something else than a badge: what, in words.
    #[error("that is {0}, and no badge")]
    NotABadge(String),
    /// Somebody else has this badge.
    #[error("that is the badge of {0}")]
    BadgeOfAnother(String),
    /// No token has this name, or it was revoked.
    #[error("there is no token {0}")]
    NoSuchToken(String),
    /// A token has this name already.
    #[error("there is a token {0} already")]
    TokenExists(String),
    /// The PIN is wrong.
    #[error("the PIN is wrong")]
    WrongPin,
    /// The operator may not do this.
    #[error("{0} is not a manager")]
    NotAManager(String),
    /// Too many wrong PINs at this counter.
    #[error("too many wrong PINs at this counter: locked until {0}")]
    LockedUntil(Timestamp),
    /// Uses were made of the code: so many.
    #[error("the code was used already, {0} times")]
    PartlyUsed(u32),
    /// The code is past its end.
    #[error("the code expired at {0}")]
    ExpiredSince(Timestamp),
    /// There is no such slip, or it was confirmed, or settled by somebody.
    #[error("no slip of this number waits to be settled")]
    SlipNotOpen,
    /// There is nothing to settle.
    #[error("no restore waits to be settled")]
    NothingToSettle,
    /// A store knows more of this hub than there is in it.
    #[error(
        "this hub was put back to an older state: a store knows more of it than it does itself"
    )]
    IsBehind,
    /// This ledger has no stores.
    #[error("this ledger is no hub: it has let no store in")]
    NotAHub,
    /// No conflict has this number.
    #[error("there is no conflict {0}")]
    NoSuchConflict(i64),
    /// Somebody has settled the conflict, or what was in excess was undone.
    #[error("conflict {0} is settled already")]
    ConflictSettled(i64),
    /// No second code is in this conflict.
    #[error("conflict {0} is not about a second code, so there is none to void")]
    NoOtherCode(i64),
    /// This ledger belongs to a hub, which keeps the conflicts.
    #[error("conflicts are settled at the hub")]
    SettledAtHub,
    /// A store's node is let in under this name already.
    #[error("there is a store {0} already")]
    StoreExists(String),
    /// No store's node has this name.
    #[error("there is no store {0}")]
    NoSuchStore(String),
    /// The ledger joined a hub, so it is none.
    #[error("this ledger has joined the hub at {0}, so it cannot be a hub")]
    JoinedAHub(String),
    /// The ledger has stores, so it joins none.
    #[error("this ledger is a hub: it has stores, so it cannot join another")]
    IsAHub,
    /// Campaigns and pools are the hub's.
    #[error("this store has joined the hub at {0}: campaigns and pools are changed there")]
    PoolsAtTheHub(String),
    /// The ledger is joining a hub.
    #[error(
        "this ledger is joining the hub at {0}: its campaigns and pools stay as they are until it has"
    )]
    Joining(String),
    /// A campaign is in test mode.
    #[error("the campaign {0} is in test mode")]
    InTestMode(String),
    /// The ledger has joined no hub.
    #[error("this ledger has joined no hub")]
    NotJoined,
    /// The enrolment token lets nobody in.
    #[error("this enrolment token lets nobody in: it is not one of this hub, or it was used")]
    NotInvited,
    /// The token was made for another store.
    #[error("this token lets in the store {invited}, and this ledger is that of {ledger}")]
    AnotherStore {
        /// The store that was invited.
        invited: String,
        /// The ledger's own.
        ledger: String,
    },
    /// The node is a store of the hub under another name.
    #[error("this ledger is known to the hub already, as the store {0}")]
    NodeKnown(String),
    /// The hub has a campaign that the store brings.
    #[error("the hub has a campaign {0} already; nothing was changed")]
    CampaignTaken(String),
    /// The hub has a code that the store brings.
    #[error("the hub has the code {0} already; nothing was changed")]
    CodeTaken(String),
    /// No notice of unknown codes stands at this counter.
    #[error("no notice of unknown codes stands at {0}")]
    NoGuessing(String),
    /// The store may not be treated so in its standing.
    #[error("the store is {0}")]
    StoreStanding(&'static str),
}

impl Refusal {
    /// A name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::NoSuchCampaign(_) => "no_such_campaign",
            Refusal::CampaignExists(_) => "campaign_exists",
            Refusal::Faulty(_) => "faulty",
            Refusal::UsesMade { .. } => "uses_made",
            Refusal::CustomersKnown => "customers_known",
            Refusal::ContactOfAnother { .. } => "contact_of_another",
            Refusal::NoSuchContact(_) => "no_such_contact",
            Refusal::OneCustomer(..) => "one_customer",
            Refusal::NoSuchCode(_) => "not_found",
            Refusal::NoSuchCustomer(_) => "no_such_customer",
            Refusal::State(_) => "wrong_state",
            Refusal::NotCancelled(_) => "not_cancelled",
            Refusal::NoSuchOperator(_) => "no_such_operator",
            Refusal::OperatorExists(_) => "operator_exists",
            Refusal::LastManager(_) => "last_manager",
            Refusal::OperatorOfHub(_) => "operator_of_hub",
            Refusal::BadgeIsCode => "badge_is_code",
            Refusal::NotABadge(_) => "not_a_badge",
            Refusal::BadgeOfAnother(_) => "badge_of_another",
            Refusal::NoSuchToken(_) => "no_such_token",
            Refusal::TokenExists(_) => "token_exists",
            Refusal::WrongPin => "wrong_pin",
            Refusal::NotAManager(_) => "not_a_manager",
            Refusal::LockedUntil(_) => "locked",
            Refusal::PartlyUsed(_) => "partly_used",
            Refusal::ExpiredSince(_) => "expired",
            Refusal::SlipNotOpen => "slip_not_open",
            Refusal::NothingToSettle => "nothing_to_settle",
            Refusal::IsBehind => "is_behind",
            Refusal::NotAHub => "not_a_hub",
            Refusal::NoSuchConflict(_) => "no_such_conflict",
            Refusal::ConflictSettled(_) => "conflict_settled",
            Refusal::NoOtherCode(_) => "no_other_code",
            Refusal::SettledAtHub => "settled_at_hub",
            Refusal::StoreExists(_) => "store_exists",
            Refusal::NoSuchStore(_) => "no_such_store",
            Refusal::JoinedAHub(_) => "joined_a_hub",
            Refusal::IsAHub => "is_a_hub",
            Refusal::PoolsAtTheHub(_) => "pools_at_the_hub",
            Refusal::Joining(_) => "joining",
            Refusal::InTestMode(_) => "in_test_mode",
            Refusal::NotJoined => "not_joined",
            Refusal::NotInvited => "not_invited",
            Refusal::AnotherStore { .. } => "another_store",
            Refusal::NodeKnown(_) => "node_known",
            Refusal::CampaignTaken(_) => "campaign_taken",
            Refusal::CodeTaken(_) => "code_taken",
            Refusal::NoGuessing(_) => "no_guessing",
            Refusal::StoreStanding(_) => "wrong_standing",
        }
    }

    /// What to do next.
    #[expect(clippy::too_many_lines, reason = "a line for each refusal")]
    pub fn hint(&self) -> &'static str {
        match self {
            Refusal::NoSuchCampaign(_) => "`counterfoil campaign list` shows the names",
            Refusal::CampaignExists(_) => "change it with `counterfoil campaign set`",
            Refusal::Faulty(_) => "see --help for what is allowed",
            Refusal::ContactOfAnother { .. } => {
                "where they are one person: `counterfoil customer join KEPT GONE --reason R`"
            }
            Refusal::NoSuchContact(_) => "`counterfoil customer export ID` tells what is known",
            Refusal::UsesMade { .. } | Refusal::CustomersKnown => {
                "begin another campaign for the new rule"
            }
            Refusal::NoSuchCode(_) => {
                "check the letters; `counterfoil codes export` lists the codes"
            }
            Refusal::NoSuchCustomer(_) => "try another contact, the code, or its last four letters",
            Refusal::State(_) | Refusal::PartlyUsed(_) | Refusal::ExpiredSince(_) => {
                "`counterfoil codes show CODE` tells its life"
            }
            Refusal::NotCancelled(_) => {
                "a manager ends it with `codes void`, or gives another with `replace`"
            }
            Refusal::NoSuchOperator(_) | Refusal::OperatorExists(_) => {
                "`counterfoil operator list` shows the names"
            }
            Refusal::LastManager(_) => "make somebody else a manager first",
            Refusal::BadgeIsCode | Refusal::NotABadge(_) | Refusal::BadgeOfAnother(_) => {
                "scan a card that only this operator has; `counterfoil operator set-badge` draws one"
            }
            Refusal::NoSuchToken(_) => "`counterfoil hub token list` shows the names",
            Refusal::TokenExists(_) => {
                "for another secret, revoke it first, then add it again by the same name"
            }
            Refusal::WrongPin => "try again; `counterfoil operator set-pin NAME` sets another",
            Refusal::NotAManager(_) => "ask a manager",
            Refusal::LockedUntil(_) => "wait, or sign in at another counter",
            Refusal::SlipNotOpen => "`counterfoil printer slips` lists those that do",
            Refusal::NoGuessing(_) => {
                "`counterfoil log --outcome noticed` shows where there was one"
            }
            Refusal::NothingToSettle | Refusal::OneCustomer(..) => "nothing needs to be done",
            Refusal::IsBehind => "begin a new life of it first: `counterfoil hub restored`",
            Refusal::NotAHub => "a shop alone: `counterfoil restore FILE` does all that is needed",
            Refusal::NoSuchConflict(_) => "`counterfoil conflicts list --all` shows the numbers",
            Refusal::ConflictSettled(_) => "`counterfoil conflicts show ID` tells by whom, and why",
            Refusal::NoOtherCode(_) => "settle it with --decision stand or write-off",
            Refusal::SettledAtHub => {
                "run `counterfoil conflicts settle` on the hub's ledger; it comes down from there"
            }
            Refusal::StoreExists(_) => {
                "another node of it needs a name of its own: `hub store add NAME --node N`"
            }
            Refusal::NoSuchStore(_) => "`counterfoil hub store list` shows the names",
            Refusal::JoinedAHub(_) => "let stores in at that hub; a hub's stores have no stores",
            Refusal::IsAHub => "join from a ledger that has no stores",
            Refusal::PoolsAtTheHub(_) | Refusal::OperatorOfHub(_) => "run the command at the hub",
            Refusal::Joining(_) => {
                "end it with the same `counterfoil join`, or give it up with `join --give-up`"
            }
            Refusal::InTestMode(_) => "`counterfoil campaign test-mode ID off` ends it",
            Refusal::NotJoined => "join one with `counterfoil join URL --token-file F`",
            Refusal::AnotherStore { .. } => {
                "at the hub, add it by the name that its own ledger has: `hub store add NAME`"
            }
            Refusal::NotInvited => {
                "ask the hub's manager for a token: `counterfoil hub store add NAME`"
            }
            Refusal::NodeKnown(_) => "`counterfoil hub store list` at the hub shows how it stands",
            Refusal::CampaignTaken(_) | Refusal::CodeTaken(_) => {
                "two pools cannot have one name: begin with an empty ledger, or ask the hub's manager"
            }
            Refusal::StoreStanding(_) => "`counterfoil hub store list` shows how each stands",
        }
    }

    /// The exit code: 2 for a name or rule that cannot be, 1 for what is refused.
    pub fn exit_code(&self) -> u8 {
        match self {
            Refusal::NoSuchCampaign(_)
            | Refusal::CampaignExists(_)
            | Refusal::Faulty(_)
            | Refusal::NoSuchOperator(_)
            | Refusal::OperatorExists(_)
            | Refusal::NoSuchToken(_)
            | Refusal::TokenExists(_)
            | Refusal::NoSuchConflict(_)
            | Refusal::NoOtherCode(_)
            | Refusal::StoreExists(_)
            | Refusal::NoSuchStore(_)
            | Refusal::JoinedAHub(_)
            | Refusal::IsAHub
            | Refusal::NotAHub
            | Refusal::NotJoined => 2,
            Refusal::UsesMade { .. }
            | Refusal::CustomersKnown
            | Refusal::ContactOfAnother { .. }
            | Refusal::NoSuchContact(_)
            | Refusal::OneCustomer(..)
            | Refusal::NoSuchCode(_)
            | Refusal::NoSuchCustomer(_)
            | Refusal::State(_)
            | Refusal::NotCancelled(_)
            | Refusal::LastManager(_)
            | Refusal::OperatorOfHub(_)
            | Refusal::BadgeIsCode
            | Refusal::NotABadge(_)
            | Refusal::BadgeOfAnother(_)
            | Refusal::WrongPin
            | Refusal::NotAManager(_)
            | Refusal::LockedUntil(_)
            | Refusal::PartlyUsed(_)
            | Refusal::ExpiredSince(_)
            | Refusal::SlipNotOpen
            | Refusal::NothingToSettle
            | Refusal::IsBehind
            | Refusal::ConflictSettled(_)
            | Refusal::SettledAtHub
            | Refusal::NotInvited
            | Refusal::PoolsAtTheHub(_)
            | Refusal::Joining(_)
            | Refusal::InTestMode(_)
            | Refusal::AnotherStore { .. }
            | Refusal::NodeKnown(_)
            | Refusal::CampaignTaken(_)
            | Refusal::CodeTaken(_)
            | Refusal::NoGuessing(_)
            | Refusal::StoreStanding(_) => 1,
        }
    }
}
