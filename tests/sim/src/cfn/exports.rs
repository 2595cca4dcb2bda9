//! Exports: outputs that other stacks of the region import, and that can't go while they do.

use super::{
    Cfn,
    api::{CfnError, Export, Output, Page},
    invalid,
    read::page,
    stack::Stack,
};

/// Entries on a page.
const PAGE: usize = 100;

impl Cfn<'_> {
    /// The names of the stacks that import an export.
    fn importers(&self, name: &str, except: &str) -> Vec<String> {
        let Some(stacks) = self.account.regions.get(&self.region) else { return vec![] };
        let live = stacks.names.values().filter_map(|id| stacks.stacks.get(id));
        live.filter(|stack| stack.id != except && stack.imports.contains(name))
            .map(|stack| stack.name.clone())
            .collect()
    }

    /// Whether a stack's outputs can become these: no export that another stack has, none taken away that is in use.
    pub(crate) fn exportable(&self, stack: &Stack, outputs: &[Output]) -> Result<(), String> {
        let others = self
            .account
            .regions
            .get(&self.region)
            .into_iter()
            .flat_map(|s| s.names.values().filter_map(|id| s.stacks.get(id)));
        for other in others.filter(|other| other.id != stack.id) {
            let theirs = |output: &&Output| {
                output.export_name.is_some() && other.outputs.iter().any(|o| o.export_name == output.export_name)
            };
            if let Some(output) = outputs.iter().find(theirs) {
                let name = output.export_name.as_deref().unwrap_or_default();
                return Err(format!("Export with name {name} is already exported by stack {}", other.name));
            }
        }
        for old in &stack.outputs {
            let Some(name) = &old.export_name else { continue };
            let users = self.importers(name, &stack.id);
            if users.is_empty() {
                continue;
            }
            match outputs.iter().find(|new| new.export_name.as_ref() == Some(name)) {
                Some(new) if new.value == old.value => {}
                Some(_) => {
                    return Err(format!("Cannot update export {name} as it is in use by {}", users.join(" and ")));
                }
                None => return Err(format!("Cannot delete export {name} as it is in use by {}", users.join(" and "))),
            }
        }
        Ok(())
    }

    /// A stack whose exports are in use can't be deleted.
    pub(crate) fn deletable(&self, stack: &Stack) -> Result<(), CfnError> {
        let used = stack.outputs.iter().filter_map(|output| output.export_name.as_deref());
        let mut used = used.map(|name| (name, self.importers(name, &stack.id))).filter(|(_, users)| !users.is_empty());
        match used.next() {
            None => Ok(()),
            Some((name, users)) => {
                Err(invalid(format!("Export {name} cannot be deleted as it is in use by {}", users.join(" and "))))
            }
        }
    }

    /// ListExports.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn list_exports(&mut self, next_token: Option<&str>) -> Result<Page<Export>, CfnError> {
        self.whole(next_token)?;
        let stacks = self.stacks();
        let live = stacks.names.values().filter_map(|id| stacks.stacks.get(id));
        let exports = live.flat_map(|stack| {
            stack.outputs.iter().filter_map(|output| {
                let name = output.export_name.clone()?;
                Some(Export { exporting_stack_id: stack.id.clone(), name, value: output.value.clone() })
            })
        });
        page(exports.collect(), next_token, PAGE)
    }

    /// ListImports: the names of the stacks that import an export.
    ///
    /// # Errors
    /// As CloudFormation's.
    pub fn list_imports(&mut self, export: &str, next_token: Option<&str>) -> Result<Page<String>, CfnError> {
        self.whole(next_token)?;
        let users = self.importers(export, "");
        if users.is_empty() {
            return Err(invalid(format!("Export '{export}' is not imported by any stack.")));
        }
        page(users, next_token, PAGE)
    }
}
