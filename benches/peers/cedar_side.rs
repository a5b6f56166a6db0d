//! Cedar: a `forbid` for each rule beside one `permit`; the policies that determined the answer fired.

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, Policy, PolicyId, PolicySet, Request,
    RestrictedExpression,
};

use crate::engine::Engine;
use crate::workload::{Payment, rules};
use crate::written::{Language, Slots};

pub(crate) struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    uid: EntityUid,
    names: Vec<String>,
    slots: Slots,
}

struct Syntax;

impl Language for Syntax {
    const BEFORE: &'static str = "context.";
}

impl Cedar {
    pub(crate) fn new(count: usize) -> Self {
        let rules = rules(count);
        let slots = Slots::of(&rules);
        let mut policies = PolicySet::new();
        let permit = Policy::parse(None, "permit(principal, action, resource);").unwrap();
        policies.add(permit).unwrap();
        for (place, rule) in rules.iter().enumerate() {
            let condition = Syntax.condition(&slots, rule);
            let source = format!("forbid(principal, action, resource) when {{ {condition} }};");
            let id = PolicyId::new(place.to_string());
            policies.add(Policy::parse(Some(id), source).unwrap()).unwrap();
        }
        Self {
            authorizer: Authorizer::new(),
            policies,
            entities: Entities::empty(),
            uid: "Payment::\"one\"".parse().unwrap(),
            names: slots.names().collect(),
            slots,
        }
    }

    fn bind(&self, payment: &Payment) -> Request {
        let numbers = self.slots.numbers(payment).map(RestrictedExpression::new_long);
        let words =
            self.slots.words(payment).map(|word| RestrictedExpression::new_string(word.to_owned()));
        let truths = self.slots.truths(payment).map(RestrictedExpression::new_bool);
        let values = numbers.chain(words).chain(truths);
        let context = Context::from_pairs(self.names.iter().cloned().zip(values)).unwrap();
        let uid = || self.uid.clone();
        Request::new(uid(), uid(), uid(), context, None).unwrap()
    }
}

impl Engine for Cedar {
    fn decide(&mut self, payment: &Payment, fired: &mut Vec<usize>) {
        let request = self.bind(payment);
        let answer = self.authorizer.is_authorized(&request, &self.policies, &self.entities);
        assert_eq!(answer.diagnostics().errors().count(), 0);
        fired.clear();
        if answer.decision() == Decision::Deny {
            let places = answer.diagnostics().reason();
            fired.extend(places.map(|id| AsRef::<str>::as_ref(id).parse::<usize>().unwrap()));
            fired.sort_unstable();
        }
    }
}
