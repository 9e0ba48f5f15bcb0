using System.Collections.Immutable;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Lean.Generators.Kernels;

/// <summary>
/// Writes a typed launcher for each kernel of kernels.json, and the list of them all. A launcher checks its tensors
/// against the kernel's named extents, fills in extents and strides, and computes the grid.
/// </summary>
[Generator(LanguageNames.CSharp)]
public sealed class KernelLauncherGenerator : IIncrementalGenerator
{
    /// <summary>The tracked step that reads the manifest.</summary>
    internal const string ReadStep = "ReadKernelManifest";

    /// <summary>The tracked step that holds the sound kernels.</summary>
    internal const string ModelStep = "KernelModels";

    /// <inheritdoc/>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        IncrementalValuesProvider<KernelResult> results = context.AdditionalTextsProvider
            .Where(static file => Path.GetFileName(file.Path) == "kernels.json")
            .SelectMany(static (file, cancel) => ManifestReader.Read(file, cancel))
            .WithTrackingName(ReadStep);

        context.RegisterSourceOutput(
            results.SelectMany(static (result, _) => result.Diagnostics.ToImmutableArray()),
            static (output, diagnostic) => output.ReportDiagnostic(diagnostic.ToDiagnostic()));

        IncrementalValuesProvider<KernelModel> models = results
            .SelectMany(static (result, _) => result.Model is null ? ImmutableArray<KernelModel>.Empty : [result.Model])
            .WithTrackingName(ModelStep);

        context.RegisterSourceOutput(models, static (output, model) => output.AddSource(
            $"Lean.Kernels.{model.Name}Launcher.g.cs", SourceText.From(LauncherWriter.Write(model), Encoding.UTF8)));

        // The list depends on what a kernel is, not on its parameters.
        context.RegisterSourceOutput(
            models.Select(static (model, _) => KernelEntry.Of(model)).Collect().Select(static (all, _) => new EquatableArray<KernelEntry>(all)),
            static (output, kernels) =>
            {
                if (kernels.Count > 0)
                {
                    output.AddSource("Lean.Kernels.DeviceKernels.g.cs", SourceText.From(LauncherWriter.WriteList(kernels), Encoding.UTF8));
                }
            });
    }
}
