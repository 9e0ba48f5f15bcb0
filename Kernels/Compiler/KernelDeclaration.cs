using System.Reflection;
using Lean.Kernels.Device;

namespace Lean.Kernels.Compiler;

/// <summary>One kernel as Kernels/Device declares it: a method, or an instance of a generic one.</summary>
/// <param name="Name">The entry's name in every target.</param>
/// <param name="Method">The method, closed over its type arguments.</param>
/// <param name="Attribute">Group size, grid and place in the source.</param>
/// <param name="Cluster">Groups of a cluster, or 0.</param>
/// <param name="InstanceGroups">Groups that a multiprocessor should hold, or 0 for what <see cref="Cuda"/> says.</param>
internal sealed record KernelDeclaration(string Name, MethodInfo Method, KernelAttribute Attribute, int Cluster = 0, int InstanceGroups = 0)
{
    /// <summary>What makes it CUDA's alone, or null.</summary>
    public CudaAttribute? Cuda { get; } = Method.GetCustomAttribute<CudaAttribute>();

    /// <summary>Groups that a multiprocessor should hold together, or null.</summary>
    public int? GroupsTogether => InstanceGroups > 0 ? InstanceGroups : Cuda?.GroupsTogether;

    /// <summary>The parameters as launchers see them.</summary>
    public IReadOnlyList<KernelParameter> Parameters { get; } = [.. Method.GetParameters().Select(p => KernelParameter.Of(Name, p))];

    /// <summary>Whether it is compiled for a target. What is for Ampere is compiled for Hopper again, where launches may overlap.</summary>
    public bool Has(string target) => Cuda is null ? target != KernelBuild.HopperAlone
        : target == Cuda.Target || (Cuda.Target == DependentLaunches.Before && target == DependentLaunches.Since);

    /// <summary>Every kernel of an assembly, by name.</summary>
    /// <exception cref="BuildException">A declaration contradicts itself.</exception>
    public static IReadOnlyList<KernelDeclaration> In(Assembly assembly)
    {
        var found = new SortedDictionary<string, KernelDeclaration>(StringComparer.Ordinal);
        foreach (MethodInfo method in assembly.GetTypes().SelectMany(t => t.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly)))
        {
            if (method.GetCustomAttribute<KernelAttribute>() is not { } kernel)
            {
                continue;
            }

            InstanceAttribute[] instances = [.. method.GetCustomAttributes<InstanceAttribute>()];
            if (method.IsGenericMethodDefinition != instances.Length > 0)
            {
                throw new BuildException(kernel, kernel.Name, "a generic kernel needs [Instance], and only a generic one has it");
            }

            foreach (KernelDeclaration made in instances.Length == 0
                ? [new KernelDeclaration(kernel.Name, method, kernel)]
                : instances.Select(i => new KernelDeclaration(i.Suffix.Length == 0 ? kernel.Name : $"{kernel.Name}_{i.Suffix}", method.MakeGenericMethod(i.Arguments), kernel, i.Cluster, i.GroupsTogether)))
            {
                if (made.Cuda is { } cuda && !KernelBuild.IsArchitecture(cuda.Target))
                {
                    throw new BuildException(kernel, made.Name, $"no architecture is called {cuda.Target}");
                }

                if (made.Cluster > 0 && made.Cuda?.Target != KernelBuild.HopperAlone)
                {
                    throw new BuildException(kernel, made.Name, $"clusters need [Cuda(\"{KernelBuild.HopperAlone}\")]");
                }

                if (made.InstanceGroups > 0 && made.Cuda is null)
                {
                    throw new BuildException(kernel, made.Name, "groups that a multiprocessor should hold need [Cuda]");
                }

                if (!found.TryAdd(made.Name, made))
                {
                    throw new BuildException(kernel, made.Name, "another kernel has this name");
                }
            }
        }

        return [.. found.Values];
    }
}
