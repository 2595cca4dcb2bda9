//! Templates and what they declare as XML.

use crate::{
    cfn::api::{TemplateParameter, TemplateSummary},
    wire::xml::Xml,
};

pub(super) fn body(x: &mut Xml, template: &str) {
    x.text("TemplateBody", template);
    x.texts("StagesAvailable", ["Original", "Processed"]);
}

pub(super) fn summary(x: &mut Xml, s: &TemplateSummary) {
    x.members("Parameters", &s.parameters, |x, p| {
        parameter(x, p);
        x.text("ParameterType", &p.parameter_type);
        x.element("ParameterConstraints", |x| x.some_texts("AllowedValues", &p.allowed_values));
    });
    common(x, s);
    x.texts("ResourceTypes", &s.resource_types);
    x.maybe("Version", s.version.as_ref());
    x.maybe("Metadata", s.metadata.as_ref());
}

pub(super) fn validated(x: &mut Xml, s: &TemplateSummary) {
    x.members("Parameters", &s.parameters, parameter);
    common(x, s);
}

fn common(x: &mut Xml, s: &TemplateSummary) {
    x.maybe("Description", s.description.as_ref());
    x.some_texts("Capabilities", &s.capabilities);
    x.maybe("CapabilitiesReason", s.capabilities_reason.as_ref());
    x.some_texts("DeclaredTransforms", &s.declared_transforms);
}

fn parameter(x: &mut Xml, p: &TemplateParameter) {
    x.text("ParameterKey", &p.parameter_key);
    x.maybe("DefaultValue", p.default_value.as_ref());
    x.text("NoEcho", p.no_echo);
    x.maybe("Description", p.description.as_ref());
}
