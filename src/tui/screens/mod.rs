//! The screens, and what may lie in the panel of one; each file holds state, update and drawing.

mod campaign_form;
pub mod campaign_work;
pub mod campaigns;
pub mod conflicts;
pub mod day;
mod file_picker;
pub mod find;
pub mod full_contact;
pub mod help;
pub mod life;
pub mod log;
pub mod operators;
pub mod pools;
pub mod question;
pub mod redeem;
pub mod set_up;
pub mod sign_in;
pub mod sign_up;
pub mod signed_up;
pub mod slips;
pub mod take_back;
pub mod undo;
mod work_forms;
mod work_runs;
