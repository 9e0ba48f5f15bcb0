using System.IO.Compression;
using System.Text;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The compiled kernels inside this binary: an archive per target, but for Ampere, whose text comes from Hopper's (<see cref="AmpereText"/>).</summary>
internal static class KernelArchive
{
    /// <summary>A kernel's text or module.</summary>
    /// <param name="target">opencl, spirv, sm_80, …</param>
    /// <param name="file">The kernel's name with .cl, .spv or .ptx.</param>
    /// <exception cref="MachineException">This binary has no such kernel for the target.</exception>
    public static byte[] Read(string target, string file)
    {
        if (target == AmpereText.Target)
        {
            return Encoding.UTF8.GetBytes(AmpereText.Of(Encoding.UTF8.GetString(Read(AmpereText.Source, file))));
        }

        using Stream? resource = typeof(KernelArchive).Assembly.GetManifestResourceStream($"kernels/{target}.zip");
        if (resource is not null)
        {
            using var archive = new ZipArchive(resource, ZipArchiveMode.Read);
            if (archive.GetEntry(file) is { } entry)
            {
                using Stream content = entry.Open();
                var bytes = new byte[entry.Length];
                content.ReadExactly(bytes);
                return bytes;
            }
        }

        throw new MachineException($"this binary was built without {file} for {target}; `lean kernels` lists what it has");
    }
}
