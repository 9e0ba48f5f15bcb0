using Lean.Kernels.Compiler;
using Lean.Kernels.Device;

// The build calls it with the folder to write to. Errors have the form that builds show as their own.
if (args.Length != 1)
{
    Console.Error.WriteLine("usage: Lean.Kernels.Compiler FOLDER");
    return 2;
}

try
{
    KernelBuild.Run(typeof(KernelAttribute).Assembly, new OutputFolder(args[0]), Console.WriteLine);
    return 0;
}
catch (BuildException fault)
{
    Console.Error.WriteLine(fault.Message);
    return 1;
}
