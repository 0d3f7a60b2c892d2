//! The structure of a component: what it is made of, and what instantiating it makes.
//!
//! Instantiations multiply. A component that instantiates another twice, which instantiates a third twice, and so on, makes
//! 2^n instances of n definitions, and the compiler unfolds them all. So each component and module is given its *size*, what
//! one instance of it takes, and the size of an outer one is the sum over what it instantiates. That is exact as long
//! as it is known which definition is instantiated; a component that takes components or modules as arguments, or out of
//! an instance, is refused: no toolchain emits any.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ComponentType, ComponentTypeRef,
    DataKind, DataSectionReader, ElementItems, Encoding, Instance, Operator, Payload, TypeRef,
};

use super::super::engine::IMAGE;
use super::{bounds, damaged, functions};
use runner_base::error::{Error, Result};

/// What one instance takes, with everything that is instantiated for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    component_instances: u64,
    core_instances: u64,
    definitions: u64,
    canonical_functions: u64,
    state: u64,
}

impl Size {
    fn add(&mut self, other: Self) {
        self.component_instances = self.component_instances.saturating_add(other.component_instances);
        self.core_instances = self.core_instances.saturating_add(other.core_instances);
        self.definitions = self.definitions.saturating_add(other.definitions);
        self.canonical_functions = self.canonical_functions.saturating_add(other.canonical_functions);
        self.state = self.state.saturating_add(other.state);
    }

    fn define(&mut self, count: u64) {
        self.definitions = self.definitions.saturating_add(count);
    }
}

/// A component that is being read.
#[derive(Debug, Default)]
struct OpenComponent {
    /// What one instance of it takes, so far.
    size: Size,
    /// The core modules by their indices.
    modules: Vec<Size>,
    /// The components by their indices.
    components: Vec<Size>,
}

#[derive(Debug)]
enum Open {
    Component(OpenComponent),
    /// A core module, with what one instance of it takes.
    Module(u64),
}

/// What is in the whole file, whether it is instantiated or not.
#[derive(Debug, Default)]
struct Totals {
    components: u64,
    modules: u64,
    types: u64,
    type_values: u64,
    imports: u64,
    exports: u64,
    globals: u64,
    memories: u64,
    tables: u64,
    table_elements: u64,
    segments: u64,
    segment_elements: u64,
    gaps: u64,
    functions: u64,
}

/// Reads the parts of a component in their order, and fails at the first one that is too many.
#[derive(Debug, Default)]
pub(super) struct Structure {
    open: Vec<Open>,
    totals: Totals,
}

impl Structure {
    /// Takes the next part.
    pub(super) fn take(&mut self, payload: Payload<'_>) -> Result<()> {
        match payload {
            Payload::Version { encoding, .. } => self.begin(encoding),
            Payload::End(_) => {
                self.end();
                Ok(())
            }
            Payload::CodeSectionStart { count, .. } => {
                raise(&mut self.totals.functions, count, &bounds::FUNCTIONS)?;
                self.state(32 * u64::from(count));
                Ok(())
            }
            Payload::CodeSectionEntry(body) => functions::check(&body),
            payload => match self.open.last_mut() {
                Some(Open::Module(_)) => self.of_module(payload),
                Some(Open::Component(_)) => self.of_component(payload),
                None => Ok(()),
            },
        }
    }

    fn begin(&mut self, encoding: Encoding) -> Result<()> {
        match encoding {
            Encoding::Module => {
                raise(&mut self.totals.modules, 1, &bounds::MODULES)?;
                // The header of an instance.
                self.open.push(Open::Module(1 << 10));
            }
            Encoding::Component => {
                raise(&mut self.totals.components, 1, &bounds::COMPONENTS)?;
                self.open.push(Open::Component(OpenComponent::default()));
                bounds::DEPTH.check(self.open.len() as u64)?;
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        let ended = self.open.pop();
        let Some(Open::Component(outer)) = self.open.last_mut() else { return };
        match ended {
            Some(Open::Module(state)) => outer.modules.push(Size { core_instances: 1, state, ..Size::default() }),
            Some(Open::Component(inner)) => {
                let mut size = inner.size;
                size.component_instances = size.component_instances.saturating_add(1);
                outer.components.push(size);
            }
            None => {}
        }
    }

    /// Adds to what an instance of the current module takes.
    fn state(&mut self, bytes: u64) {
        if let Some(Open::Module(state)) = self.open.last_mut() {
            *state = state.saturating_add(bytes);
        }
    }

    fn of_module(&mut self, payload: Payload<'_>) -> Result<()> {
        let totals = &mut self.totals;
        let mut state = 0;
        match payload {
            Payload::TypeSection(groups) => {
                for group in groups {
                    for kind in group.map_err(|error| damaged(&error))?.into_types() {
                        raise(&mut totals.types, 1, &bounds::TYPES)?;
                        if let wasmparser::CompositeInnerType::Func(function) = &kind.composite_type.inner {
                            let values = function.params().len() + function.results().len();
                            raise(&mut totals.type_values, values, &bounds::TYPE_VALUES)?;
                        }
                    }
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import.map_err(|error| damaged(&error))?;
                    raise(&mut totals.imports, 1, &bounds::IMPORTS)?;
                    state += if matches!(import.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)) { 64 } else { 32 };
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    let table = table.map_err(|error| damaged(&error))?;
                    raise(&mut totals.tables, 1, &bounds::TABLES)?;
                    raise(&mut totals.table_elements, table.ty.initial, &bounds::TABLE_ELEMENTS)?;
                    state += 64;
                }
            }
            Payload::MemorySection(memories) => {
                raise(&mut totals.memories, memories.count(), &bounds::MEMORIES)?;
                state += 64 * u64::from(memories.count());
            }
            Payload::GlobalSection(globals) => {
                raise(&mut totals.globals, globals.count(), &bounds::GLOBALS)?;
                state += 16 * u64::from(globals.count());
            }
            Payload::ExportSection(exports) => raise(&mut totals.exports, exports.count(), &bounds::EXPORTS)?,
            Payload::ElementSection(segments) => {
                for segment in segments {
                    let items = segment.map_err(|error| damaged(&error))?.items;
                    let count = match items {
                        ElementItems::Functions(items) => items.count(),
                        ElementItems::Expressions(_, items) => items.count(),
                    };
                    raise(&mut totals.segments, 1, &bounds::SEGMENTS)?;
                    raise(&mut totals.segment_elements, count, &bounds::SEGMENT_ELEMENTS)?;
                    state += 16;
                }
            }
            Payload::DataSection(segments) => {
                raise(&mut totals.segments, segments.count(), &bounds::SEGMENTS)?;
                state += 16 * u64::from(segments.count());
                raise(&mut totals.gaps, gaps(segments)?, &bounds::GAPS)?;
            }
            _ => {}
        }
        self.state(state);
        Ok(())
    }

    fn of_component(&mut self, payload: Payload<'_>) -> Result<()> {
        match payload {
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    match instance.map_err(|error| damaged(&error))? {
                        Instance::Instantiate { module_index, args } => {
                            let module =
                                self.outer(0).and_then(|open| open.modules.get(module_index as usize).copied());
                            self.define(args.len(), module.ok_or_else(|| unknown("core module"))?)?;
                        }
                        Instance::FromExports(exports) => self.define(exports.len(), Size::default())?,
                    }
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances {
                    match instance.map_err(|error| damaged(&error))? {
                        ComponentInstance::Instantiate { component_index, args } => {
                            let open = self.outer(0);
                            let component =
                                open.and_then(|open| open.components.get(component_index as usize).copied());
                            self.define(args.len(), component.ok_or_else(|| unknown("component"))?)?;
                        }
                        ComponentInstance::FromExports(exports) => self.define(exports.len(), Size::default())?,
                    }
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    self.alias(&alias.map_err(|error| damaged(&error))?)?;
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    let import = import.map_err(|error| damaged(&error))?;
                    match import.ty {
                        ComponentTypeRef::Component(_) => return Err(taken("imports a component")),
                        ComponentTypeRef::Module(_) => return Err(taken("imports a core module")),
                        _ => self.define(1, Size::default())?,
                    }
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    let export = export.map_err(|error| damaged(&error))?;
                    self.define(1, Size::default())?;
                    // An export is a definition, too: it has the next index of its sort.
                    self.repeat(export.kind, export.index)?;
                }
            }
            Payload::ComponentTypeSection(types) => {
                for kind in types {
                    let count = declarations(&kind.map_err(|error| damaged(&error))?);
                    self.define(count, Size::default())?;
                }
            }
            Payload::CoreTypeSection(types) => self.define(types.count() as usize, Size::default())?,
            Payload::ComponentCanonicalSection(canonical) => {
                let canonical_functions = u64::from(canonical.count());
                self.define(0, Size { canonical_functions, ..Size::default() })?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Adds definitions and what is instantiated with them to the current component.
    fn define(&mut self, definitions: usize, instantiated: Size) -> Result<()> {
        let Some(Open::Component(open)) = self.open.last_mut() else { return Ok(()) };
        open.size.define(1 + definitions as u64);
        open.size.add(instantiated);
        let size = open.size;
        bounds::COMPONENT_INSTANCES.check(size.component_instances)?;
        bounds::CORE_INSTANCES.check(size.core_instances)?;
        bounds::CANONICAL_FUNCTIONS.check(size.canonical_functions)?;
        bounds::INSTANCE_STATE.check(size.state)?;
        bounds::DEFINITIONS.check(size.definitions)
    }

    /// The component that is `count` levels outside of the current one.
    fn outer(&self, count: usize) -> Option<&OpenComponent> {
        match self.open.iter().rev().nth(count)? {
            Open::Component(open) => Some(open),
            Open::Module(_) => None,
        }
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) -> Result<()> {
        self.define(1, Size::default())?;
        match *alias {
            ComponentAlias::Outer { kind, count, index } => {
                let (outer, index) = (self.outer(count as usize), index as usize);
                let (module, component) = match kind {
                    ComponentOuterAliasKind::CoreModule => (outer.map(|open| open.modules.get(index).copied()), None),
                    ComponentOuterAliasKind::Component => (None, outer.map(|open| open.components.get(index).copied())),
                    ComponentOuterAliasKind::CoreType | ComponentOuterAliasKind::Type => return Ok(()),
                };
                let Some(Open::Component(open)) = self.open.last_mut() else { return Ok(()) };
                match (module.flatten(), component.flatten()) {
                    (Some(module), _) => open.modules.push(module),
                    (_, Some(component)) => open.components.push(component),
                    _ => return Err(unknown("component")),
                }
                Ok(())
            }
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                Err(taken("takes a component out of an instance"))
            }
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Module, .. } => {
                Err(taken("takes a core module out of an instance"))
            }
            ComponentAlias::InstanceExport { .. } | ComponentAlias::CoreInstanceExport { .. } => Ok(()),
        }
    }

    /// Gives a component or a module its next index.
    fn repeat(&mut self, kind: ComponentExternalKind, index: u32) -> Result<()> {
        let Some(Open::Component(open)) = self.open.last_mut() else { return Ok(()) };
        let (sizes, what) = match kind {
            ComponentExternalKind::Module => (&mut open.modules, "core module"),
            ComponentExternalKind::Component => (&mut open.components, "component"),
            _ => return Ok(()),
        };
        let size = *sizes.get(index as usize).ok_or_else(|| unknown(what))?;
        sizes.push(size);
        Ok(())
    }
}

/// The bytes between the data segments of a module, as far as the compiler would fill them with zeros.
fn gaps(segments: DataSectionReader<'_>) -> Result<u64> {
    let (mut first, mut last, mut bytes) = (u64::MAX, 0, 0_u64);
    for segment in segments {
        let segment = segment.map_err(|error| damaged(&error))?;
        let DataKind::Active { offset_expr, .. } = segment.kind else { continue };
        // An offset that is not a number is known when the module runs, and so is its segment.
        let Ok(Operator::I32Const { value }) = offset_expr.get_operators_reader().read() else { continue };
        let (start, length) = (u64::from(value.cast_unsigned()), segment.data.len() as u64);
        (first, last) = (first.min(start), last.max(start + length));
        bytes = bytes.saturating_add(length);
    }
    let span = last.saturating_sub(first);
    // The compiler stores the initial content as a whole up to this size, and beyond it if at least half of it is written.
    Ok(if span <= IMAGE || span / 2 < bytes { span.saturating_sub(bytes) } else { 0 })
}

/// Counts more of something in the file.
fn raise(total: &mut u64, count: impl TryInto<u64>, bound: &bounds::Bound) -> Result<()> {
    *total = total.saturating_add(count.try_into().unwrap_or(u64::MAX));
    bound.check(*total)
}

/// The declarations of a type, with those inside it. The reader bounds its depth.
fn declarations(kind: &ComponentType<'_>) -> usize {
    use wasmparser::{ComponentDefinedType as Defined, ComponentTypeDeclaration, InstanceTypeDeclaration};
    match kind {
        ComponentType::Component(parts) => {
            let inside = |part: &ComponentTypeDeclaration<'_>| match part {
                ComponentTypeDeclaration::Type(kind) => declarations(kind),
                _ => 1,
            };
            1 + parts.iter().map(inside).sum::<usize>()
        }
        ComponentType::Instance(parts) => {
            let inside = |part: &InstanceTypeDeclaration<'_>| match part {
                InstanceTypeDeclaration::Type(kind) => declarations(kind),
                _ => 1,
            };
            1 + parts.iter().map(inside).sum::<usize>()
        }
        ComponentType::Func(function) => 1 + function.params.len(),
        ComponentType::Defined(defined) => match defined {
            Defined::Record(fields) => fields.len(),
            Defined::Variant(cases) => cases.len(),
            Defined::Tuple(types) => types.len(),
            Defined::Flags(names) | Defined::Enum(names) => names.len(),
            _ => 1,
        },
        ComponentType::Resource { .. } => 1,
    }
}

fn unknown(what: &str) -> Error {
    Error::failed(format!("the component is damaged: it names a {what} that it does not define before"))
        .hint("build it again with `runner build`, or restore it from version control")
}

fn taken(what: &str) -> Error {
    Error::denied(format!(
        "the component {what}, so that the number of its instances is not known before it is compiled"
    ))
    .hint("link its parts with a tool that puts them inside each other, such as `wac`")
}
